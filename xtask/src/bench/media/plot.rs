//! The table as a picture: for each row a bar from ffmpeg's 1 to our median, on a scale where halves are equally far.
//!
//! It is written as SVG by hand, with a ground of its own, so that it reads the same on a light page and a dark one.

use std::fmt::Write as _;

use super::report::{Row, number};

const WIDTH: f64 = 960.0;
const ROW_HEIGHT: f64 = 46.0;
const TOP: f64 = 96.0;
const BOTTOM: f64 = 54.0;
/// Where the scale begins and ends.
const LEFT: f64 = 410.0;
const RIGHT: f64 = 880.0;
/// What the scale goes from and to.
const LEAST: f64 = 0.001;
const MOST: f64 = 2.0;
/// What has a line through all rows.
const TICKS: [f64; 7] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0];

const REACHED: &str = "#2f855a";
const MISSED: &str = "#c05621";
const INK: &str = "#1a202c";
const PALE: &str = "#718096";

/// The picture of `rows`.
pub(crate) fn svg(rows: &[Row]) -> String {
    let mut count = 0.0;
    let mut bars = String::new();
    for row in rows {
        bars.push_str(&bar(row, TOP + count * ROW_HEIGHT));
        count += 1.0;
    }
    let foot = TOP + count * ROW_HEIGHT;
    let height = foot + BOTTOM;
    let mut scale = String::new();
    for tick in TICKS {
        let (x, ink, dash) =
            (at(tick), if tick < 1.0 { "#e2e8f0" } else { INK }, if tick < 1.0 { "none" } else { "4 3" });
        let _ = writeln!(
            scale,
            "<line x1='{x:.1}' y1='{:.1}' x2='{x:.1}' y2='{foot:.1}' stroke='{ink}' stroke-dasharray='{dash}'/>\
             <text x='{x:.1}' y='{:.1}' text-anchor='middle' fill='{PALE}' font-size='12'>{tick}</text>",
            TOP - 8.0,
            foot + 18.0,
        );
    }
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' \
         font-family='system-ui, sans-serif' role='img' aria-label='Ours to the better ffmpeg'>\n\
         <rect width='{WIDTH}' height='{height}' rx='10' fill='#ffffff'/>\n\
         <text x='24' y='36' font-size='20' font-weight='600' fill='{INK}'>Reelmill beside ffmpeg</text>\n\
         <text x='24' y='58' font-size='13' fill='{PALE}'>ours / the better ffmpeg’s, median with least and most; \
         the further left, the better</text>\n\
         <text x='{:.1}' y='{:.1}' font-size='12' text-anchor='middle' fill='{INK}'>ffmpeg</text>\n\
         {scale}{bars}{}</svg>\n",
        at(1.0),
        TOP - 14.0,
        legend(foot + 40.0),
    )
}

fn bar(row: &Row, y: f64) -> String {
    let middle = y + ROW_HEIGHT / 2.0;
    let mut text = label(&row.title, middle);
    let Ok(spread) = &row.ratio else {
        let _ = writeln!(
            text,
            "<text x='{:.1}' y='{:.1}' font-size='12' font-style='italic' fill='{PALE}' text-anchor='end'>not measured</text>",
            at(1.0) - 8.0,
            middle + 4.0,
        );
        return text;
    };
    let ink = if spread.median <= row.target { REACHED } else { MISSED };
    let (start, end) = (at(spread.median.min(1.0)), at(spread.median.max(1.0)));
    let (least, most) = (at(spread.least), at(spread.most));
    let _ = writeln!(
        text,
        "<rect x='{start:.1}' y='{:.1}' width='{:.1}' height='16' rx='3' fill='{ink}' fill-opacity='0.85'/>\
         <line x1='{least:.1}' y1='{middle:.1}' x2='{most:.1}' y2='{middle:.1}' stroke='{INK}' stroke-width='1.5'/>\
         {}<text x='{:.1}' y='{:.1}' font-size='13' font-weight='600' fill='{ink}'>{}</text>",
        middle - 8.0,
        (end - start).max(1.5),
        mark(row.target, middle, INK)
            + &row.beyond.map_or_else(String::new, |beyond| mark(beyond, middle, PALE)),
        RIGHT + 20.0,
        middle + 4.5,
        number(spread.median),
    );
    text
}

/// A title on one line or two.
fn label(title: &str, middle: f64) -> String {
    let lines = lines(title);
    let first = if lines.len() == 1 { middle + 4.5 } else { middle - 3.5 };
    let mut text = format!("<text x='24' y='{first:.1}' font-size='13' fill='{INK}'>");
    for (index, line) in lines.iter().enumerate() {
        let down = if index == 0 { 0 } else { 16 };
        let _ = write!(text, "<tspan x='24' dy='{down}'>{}</tspan>", escaped(line));
    }
    text.push_str("</text>\n");
    text
}

/// At most two, and the rest left out.
fn lines(title: &str) -> Vec<String> {
    const LETTERS: usize = 54;
    let mut lines = vec![String::new()];
    for word in title.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.chars().count() + word.chars().count() < LETTERS {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        } else if last == 1 {
            line.push('…');
            break;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// What is to be reached.
fn mark(ratio: f64, middle: f64, ink: &str) -> String {
    let x = at(ratio);
    format!(
        "<line x1='{x:.1}' y1='{:.1}' x2='{x:.1}' y2='{:.1}' stroke='{ink}' stroke-width='2.5'/>",
        middle - 14.0,
        middle + 14.0
    )
}

fn legend(y: f64) -> String {
    let (box_y, text_y) = (y - 9.0, y + 1.0);
    format!(
        "<rect x='24' y='{box_y:.1}' width='14' height='12' rx='2' fill='{REACHED}'/>\
         <text x='44' y='{text_y:.1}' font-size='12' fill='{PALE}'>target reached</text>\
         <rect x='150' y='{box_y:.1}' width='14' height='12' rx='2' fill='{MISSED}'/>\
         <text x='170' y='{text_y:.1}' font-size='12' fill='{PALE}'>not reached</text>\
         <rect x='262' y='{:.1}' width='2.5' height='16' fill='{INK}'/>\
         <text x='272' y='{text_y:.1}' font-size='12' fill='{PALE}'>target</text>\
         <rect x='322' y='{:.1}' width='2.5' height='16' fill='{PALE}'/>\
         <text x='332' y='{text_y:.1}' font-size='12' fill='{PALE}'>beyond</text>\n",
        box_y - 2.0,
        box_y - 2.0,
    )
}

/// Where a ratio lies.
fn at(ratio: f64) -> f64 {
    let share = (ratio.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    LEFT + share * (RIGHT - LEFT)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::{LEFT, RIGHT, at, lines};

    #[test]
    fn the_scale_holds_every_ratio() {
        assert!((at(0.000_01) - LEFT).abs() < 1e-9);
        assert!((at(100.0) - RIGHT).abs() < 1e-9);
        assert!((at(0.1) - at(0.01) - (at(1.0) - at(0.1))).abs() < 1e-9);
    }

    #[test]
    fn a_long_title_takes_two_lines_and_no_more() {
        assert_eq!(lines("short").len(), 1);
        let long = lines(&"word ".repeat(40));
        assert_eq!(long.len(), 2);
        assert!(long[1].ends_with('…'));
    }
}
