//! Prints small tables with columns that line up.

use std::time::Duration;

/// Prints `title`, `heads` and `rows`; nothing at all where there is no row.
pub(crate) fn print(title: &str, heads: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    println!("\n{title}");
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let widths = widths(&heads, rows);
    for row in std::iter::once(&heads).chain(rows) {
        println!("  {}", line(row, &widths));
    }
}

/// A duration as people read it: `4.2 s`, `12 min 03 s`.
pub(crate) fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    if whole < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

fn widths(heads: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |column: usize| {
        let cells = std::iter::once(heads).chain(rows.iter().map(Vec::as_slice));
        cells.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    (0..heads.len()).map(width).collect()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{line, seconds, widths};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let (head, row) = (vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), "é".to_owned()]);
        let widths = widths(&head, std::slice::from_ref(&row));
        assert_eq!(widths, [4, 1]);
        assert_eq!(line(&head, &widths), "a     b");
        assert_eq!(line(&row, &widths), "long  é");
    }

    #[test]
    fn a_minute_and_more_is_told_in_minutes() {
        assert_eq!(seconds(Duration::from_millis(4_240)), "4.2 s");
        assert_eq!(seconds(Duration::from_secs(723)), "12 min 03 s");
    }
}
