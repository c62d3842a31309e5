//! How a witness's answer is read. Pure: status, type and body in, meaning out (proto/log.md#witness-client).
//!
//! | answer | meaning |
//! |---|---|
//! | 200 | signature lines, still to be verified |
//! | 409 with a size not above ours | it is behind: send again once, from that size |
//! | 409 with a size above ours | alarm: it cosigned a head we do not have; our state was rolled back, or our key was used elsewhere |
//! | 409 without a size, 422 | alarm: it holds that our head contradicts one it cosigned |
//! | 429, 5xx | busy or failing: again later, with jitter |
//! | the rest | it does not know us: a matter for the operator |

use host::http::Reply;

/// What a witness said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Cosigned(String),
    Behind { size: u64 },
    Busy { status: u16 },
    Alarm(Alarm),
    Refused { status: u16, said: String },
}

/// An answer that only a fork, a rollback or a lying witness explains.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Alarm {
    #[error("it cosigned a head of size {theirs}, and our tree has {ours}: our state was rolled back, or our key signs elsewhere")]
    BeyondOurs { theirs: u64, ours: u64 },
    #[error("it answered {status}: our head contradicts one it cosigned ({said})")]
    Contradicted { status: u16, said: String },
    #[error("its cosignature does not verify under the key in the policy")]
    BadCosignature,
}

impl Alarm {
    /// The name in the alarm's file and in the status.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BeyondOurs { .. } => "size-beyond-ours",
            Self::Contradicted { .. } => "head-contradicted",
            Self::BadCosignature => "bad-cosignature",
        }
    }
}

/// The media type of a 409 that carries a size.
const SIZE_TYPE: &str = "text/x.tlog.size";

/// Reads an answer to a head of our tree of `ours` leaves.
pub fn read(reply: &Reply, ours: u64) -> Answer {
    match reply.status {
        200 => match std::str::from_utf8(&reply.body) {
            Ok(lines) => Answer::Cosigned(lines.to_owned()),
            Err(_) => Answer::Alarm(Alarm::BadCosignature),
        },
        409 => match stated_size(reply) {
            // SPEC: log.md#witness-client: a size larger than our own tree is never believed without an alarm.
            Some(theirs) if theirs > ours => Answer::Alarm(Alarm::BeyondOurs { theirs, ours }),
            Some(size) => Answer::Behind { size },
            None => Answer::Alarm(Alarm::Contradicted { status: 409, said: reply.excerpt() }),
        },
        422 => Answer::Alarm(Alarm::Contradicted { status: 422, said: reply.excerpt() }),
        status if status == 429 || (500..600).contains(&status) => Answer::Busy { status },
        status => Answer::Refused { status, said: reply.excerpt() },
    }
}

/// `"8841\n"` with its own media type, canonical decimal; anything else is no size.
fn stated_size(reply: &Reply) -> Option<u64> {
    let media_type = reply.content_type.split(';').next().unwrap_or_default().trim();
    if media_type != SIZE_TYPE {
        return None;
    }
    let digits = std::str::from_utf8(&reply.body).ok()?.strip_suffix('\n')?;
    let canonical = digits == "0" || (digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0'));
    canonical.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, content_type: &str, body: &str) -> Reply {
        Reply { status, content_type: content_type.to_owned(), body: body.to_owned().into() }
    }

    #[test]
    fn every_row_of_the_table() {
        let read = |status, media_type, body| read(&reply(status, media_type, body), 100);
        let contradicted = |status| Answer::Alarm(Alarm::Contradicted { status, said: String::new() });
        assert_eq!(read(200, "", "— w x=\n"), Answer::Cosigned("— w x=\n".to_owned()));
        assert_eq!(read(409, SIZE_TYPE, "0\n"), Answer::Behind { size: 0 });
        assert_eq!(read(409, "text/x.tlog.size; charset=utf-8", "100\n"), Answer::Behind { size: 100 });
        assert_eq!(read(409, SIZE_TYPE, "101\n"), Answer::Alarm(Alarm::BeyondOurs { theirs: 101, ours: 100 }));
        assert_eq!(read(409, "", ""), contradicted(409));
        assert_eq!(read(422, "", ""), contradicted(422));
        for status in [429, 500, 503, 599] {
            assert_eq!(read(status, "", ""), Answer::Busy { status });
        }
        for status in [301, 400, 403, 404, 418] {
            assert_eq!(read(status, "", ""), Answer::Refused { status, said: String::new() });
        }
    }

    #[test]
    fn what_is_not_exactly_a_size_is_an_alarm() {
        for (media_type, body) in [
            ("text/plain", "5\n"),
            (SIZE_TYPE, "5"),
            (SIZE_TYPE, ""),
            (SIZE_TYPE, "\n"),
            (SIZE_TYPE, "05\n"),
            (SIZE_TYPE, "-5\n"),
            (SIZE_TYPE, "+5\n"),
            (SIZE_TYPE, "5\n\n"),
            (SIZE_TYPE, "99999999999999999999999\n"),
        ] {
            let answer = read(&reply(409, media_type, body), 100);
            assert!(matches!(answer, Answer::Alarm(Alarm::Contradicted { status: 409, .. })), "{media_type} {body:?}");
        }
    }
}
