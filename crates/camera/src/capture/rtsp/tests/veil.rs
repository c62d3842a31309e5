//! TLS before a camera that speaks none, with a certificate of its own making, by programs that
//! nobody here wrote.

use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Leads each client on, and says where it listens.
const PROGRAM: &str = r#"
import asyncio, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
async def lead(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
async def serve(reader, writer):
    camera = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    await asyncio.gather(lead(reader, camera[1]), lead(camera[0], writer))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"#;

pub(super) struct Veil {
    pub(super) port: u16,
    _child: Child,
    _folder: tempfile::TempDir,
}

impl Veil {
    pub(super) async fn before(camera: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
        let made = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(' '))
            .args(["-subj", "/CN=camera", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", PROGRAM, &camera.to_string()]).arg(&certificate).arg(&key).kill_on_drop(true);
        let mut child = python.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        Self { port, _child: child, _folder: folder }
    }
}
