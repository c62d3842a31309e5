//! What a bench prints: tables with the machine above them, or with `--json` the same as one
//! object.
//!
//! ```text
//! seal: 2 x AMD EPYC, Linux 6.18, load 3.1, 14.2 s
//!
//! sealing a segment of 20 fragments
//!   fragment   seal MB/s   of AES-GCM
//!      4 kB         1210        0.31x
//! ```

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

/// One table. Cells are numbers with a unit in the column's name, or words.
#[derive(Debug)]
pub struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, first: impl Into<String>, numbers: &[f64]) {
        self.cells(first.into().into(), numbers.iter().map(|number| json!(number)));
    }

    /// A row that ends in words.
    pub fn row_with(&mut self, first: impl Into<String>, numbers: &[f64], last: &str) {
        let last = std::iter::once(json!(last));
        self.cells(first.into().into(), numbers.iter().map(|number| json!(number)).chain(last));
    }

    fn cells(&mut self, first: Value, rest: impl Iterator<Item = Value>) {
        let row: Vec<Value> = std::iter::once(first).chain(rest).collect();
        assert_eq!(row.len(), self.columns.len(), "{}: a cell for each column", self.title);
        self.rows.push(row);
    }

    fn text(&self) -> String {
        let cells: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let width = |at: usize| {
            let longest = cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
            longest.max(self.columns[at].len())
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut text = format!("\n{}\n", self.title);
        let header: Vec<String> = self.columns.iter().map(|&name| name.to_owned()).collect();
        for row in std::iter::once(&header).chain(&cells) {
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Words to the left, numbers to the right.
                let _ =
                    if at == 0 { write!(text, "  {cell:<width$}") } else { write!(text, "  {cell:>width$}") };
            }
            text.push('\n');
        }
        text
    }
}

/// Three significant digits, without an exponent.
fn cell(value: &Value) -> String {
    match value.as_f64() {
        None => value.as_str().unwrap_or("-").to_owned(),
        Some(number) if number == 0.0 || number.abs() >= 100.0 => format!("{number:.0}"),
        Some(number) if number.abs() >= 10.0 => format!("{number:.1}"),
        Some(number) if number.abs() >= 1.0 => format!("{number:.2}"),
        Some(number) => format!("{number:.3}"),
    }
}

/// A bench's whole answer.
#[derive(Debug)]
pub struct Report {
    bench: &'static str,
    begun: Instant,
    tables: Vec<Table>,
}

impl Report {
    pub fn new(bench: &'static str) -> Self {
        Self { bench, begun: Instant::now(), tables: Vec::new() }
    }

    pub fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Prints it: `--json` as the program's argument asks for JSON.
    pub fn print(&self) {
        let (machine, seconds) = (machine(), self.begun.elapsed().as_secs_f64());
        let out = if std::env::args().any(|argument| argument == "--json") {
            let table =
                |table: &Table| json!({ "title": table.title, "columns": table.columns, "rows": table.rows });
            let tables: Vec<Value> = self.tables.iter().map(table).collect();
            json!({ "bench": self.bench, "machine": machine, "seconds": seconds, "tables": tables })
                .to_string()
                + "\n"
        } else {
            let tables: String = self.tables.iter().map(Table::text).collect();
            format!("{}: {machine}, {seconds:.1} s\n{tables}", self.bench)
        };
        // A reader that went away wants no more of it.
        let _ = std::io::stdout().lock().write_all(out.as_bytes());
    }
}

/// Processors, kernel, and how busy it is: numbers of another machine are another story.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo").lines().find_map(|line| {
        line.strip_prefix("model name")?.split_once(": ").map(|(_, model)| model.to_owned())
    });
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let build = if cfg!(debug_assertions) { ", NOT A RELEASE BUILD" } else { "" };
    format!(
        "{processors} x {}, Linux {}, load {}{build}",
        model.as_deref().unwrap_or("unknown processor"),
        kernel.trim().split('-').next().unwrap_or_default(),
        load.split(' ').next().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_names() {
        let mut table = Table::new("of two", &["what", "MB/s", "ratio"]);
        table.row("seal", &[1234.5, 0.123_456]);
        table.row_with("a longer name", &[9.876], "no");
        let expected = "
of two
  what           MB/s  ratio
  seal           1234  0.123
  a longer name  9.88     no
";
        assert_eq!(table.text(), expected);
    }
}
