//! Figures as a page that opens anywhere: charts and the tables they were drawn from, no script, no font, no other file. Light or dark as the
//! reader's screen is, and legible on a telephone: text is text of the page, only lines are stretched.

use super::Interval;
use super::chart::{Axis, Chart, Curve, escaped};
use std::fmt::Write;

/// A line of a picture.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the legend says.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// A bar of a picture: a figure with its interval.
#[derive(Clone, Debug)]
pub struct Whisker {
    /// What stands beside it.
    pub name: String,
    /// Where it is.
    pub interval: Interval,
}

/// Lines with a mark at each point.
#[must_use]
pub fn lines(across: &str, up: &str, series: &[Series]) -> String {
    let curve = |s: &Series| Curve { name: s.name.clone(), points: s.points.clone(), faint: false };
    let curves = series.iter().map(curve).collect();
    Chart { title: up.to_owned(), across: across.to_owned(), curves, mark: None, counted: false }.html()
}

/// One row a figure, with its interval as a line; names to the left. Zero is marked where it is among them.
#[must_use]
pub fn whiskers(across: &str, rows: &[Whisker]) -> String {
    let axis = Axis::over(rows.iter().flat_map(|r| [r.interval.low, r.interval.high]).filter(|x| x.is_finite()), false);
    let at = |x: f64| 100.0 * axis.at(if x.is_finite() { x } else { axis.middle() });
    let zero = match axis.at(0.0) {
        at if (0.0..=1.0).contains(&at) => format!("<path class=\"mark\" d=\"M{:.2} 0V100\"/>", 100.0 * at),
        _ => String::new(),
    };
    let mut html = String::from("<figure class=\"chart whiskers\">");
    for Whisker { name, interval } in rows {
        let [low, value, high] = [interval.low, interval.value, interval.high].map(at);
        let _ = write!(
            html,
            "<span class=\"name\">{}</span><svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\">{zero}\
             <path class=\"line\" style=\"stroke:var(--c0)\" d=\"M{low:.2} 50H{high:.2}\"/>\
             <path class=\"dots\" style=\"stroke:var(--c0)\" d=\"M{value:.2} 50h0\"/></svg>",
            escaped(name)
        );
    }
    html.push_str("<span></span><div class=\"across\">");
    for tick in &axis.ticks {
        let _ = write!(html, "<span style=\"left:{:.2}%\">{}</span>", at(*tick), axis.shown(*tick));
    }
    let _ = writeln!(html, "</div><span></span><div class=\"below\">{}</div></figure>", escaped(across));
    html
}

/// What every page looks like: dark where the reader's screen is, narrow where it is.
const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#fff;--ink:#1c1d20;--soft:#61646b;--rule:#dfe1e5;--card:#f6f7f8;\
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b0528f;--c4:#3a93c4;--c5:#787878}\
@media(prefers-color-scheme:dark){:root{--paper:#16171a;--ink:#e6e7ea;--soft:#9da1a9;--rule:#33363c;--card:#1f2125;\
--c0:#58b4f0;--c1:#ff9447;--c2:#35cfa3;--c3:#e49ac6;--c4:#8fd0f5;--c5:#a8a8a8}}\
*{box-sizing:border-box}\
body{font:16px/1.55 system-ui,sans-serif;max-width:76rem;margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem;color:var(--ink);background:var(--paper)}\
h1{font-size:clamp(1.35rem,4.5vw,1.9rem);line-height:1.2;margin:.4rem 0 .6rem}h2{font-size:1.12rem;margin:2.2rem 0 .7rem}\
p{max-width:46rem;margin:.6rem 0}p,summary{overflow-wrap:anywhere}\
svg{max-width:100%;height:auto}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.87rem}\
td,th{padding:.28rem .75rem;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}th{color:var(--soft);font-weight:600}\
.words,td:first-child,th:first-child{text-align:left}td:first-child,th:first-child{padding-left:0}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.6rem,1fr));gap:.7rem}\
.tile{background:var(--card);border-radius:.6rem;padding:.7rem .9rem}.tile b{display:block;font-size:1.55rem;line-height:1.3;font-variant-numeric:tabular-nums}\
.tile span{color:var(--soft);font-size:.84rem;display:block}\
.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem}\
.chart{margin:0;background:var(--card);border-radius:.6rem;padding:.8rem .9rem .6rem;max-width:38rem}.chart figcaption{font-weight:600;font-size:.92rem}\
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;font-size:.82rem;color:var(--soft);margin:.15rem 0 .5rem}\
.legend span::before{content:'';display:inline-block;width:1.1rem;height:0;border-top:3px solid var(--c);margin-right:.4rem;vertical-align:middle}\
.legend .faint::before{border-top:2px dashed var(--c)}\
.plot{display:grid;grid-template-columns:3rem 1fr;grid-template-rows:13rem 1.5rem}.plot svg{width:100%;height:100%;overflow:visible;display:block}\
.up,.across{position:relative;font-size:.76rem;color:var(--soft);font-variant-numeric:tabular-nums}.across{grid-column:2}\
.up span{position:absolute;right:.5rem;transform:translateY(50%)}.across span{position:absolute;top:.3rem;transform:translateX(-50%)}\
.below{font-size:.8rem;color:var(--soft);text-align:center;padding-left:3rem}\
.whiskers{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;column-gap:1rem;max-width:56rem;font-size:.86rem;margin:.8rem 0}\
.whiskers svg{width:100%;height:1.7rem;overflow:visible}.whiskers .name{align-self:center}.whiskers .across{height:1.5rem}.whiskers .below{padding:0}\
@media(max-width:34rem){.whiskers{grid-template-columns:1fr}.whiskers span:empty{display:none}.whiskers svg{height:1.2rem}.whiskers .across{grid-column:1}}\
.chart path{fill:none;vector-effect:non-scaling-stroke}.grid{stroke:var(--rule);stroke-width:1}.mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 4}\
.line{stroke-width:2;stroke-linejoin:round}.line.faint{stroke-width:1.5;stroke-dasharray:5 5}.dots{stroke-width:7;stroke-linecap:round}\
details{margin:1.4rem 0;border-top:1px solid var(--rule);padding-top:.7rem}summary{cursor:pointer;font-weight:600}\
pre{background:var(--card);border-radius:.6rem;padding:.8rem 1rem;overflow-x:auto;font-size:.84rem;line-height:1.45}";

/// A whole page around pictures and tables.
#[must_use]
pub fn page(title: &str, parts: &[String]) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{0}</title>\n<style>{STYLE}</style>\n<h1>{0}</h1>\n",
        escaped(title)
    );
    parts.iter().for_each(|part| html.push_str(part));
    html
}

/// A figure that is to be seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: String,
    /// What to know beside it.
    pub note: String,
}

/// Figures side by side under a heading.
#[must_use]
pub fn tiles(heading: &str, tiles: &[Tile]) -> String {
    let mut html = format!("<h2>{}</h2>\n<div class=\"tiles\">", escaped(heading));
    for Tile { name, value, note } in tiles {
        let [name, value, note] = [name, value, note].map(|text| escaped(text));
        let _ = write!(html, "<div class=\"tile\"><span>{name}</span><b>{value}</b><span>{note}</span></div>");
    }
    html.push_str("</div>\n");
    html
}

/// Charts side by side under a heading, below one another where there is no room.
#[must_use]
pub fn row(heading: &str, charts: &[String]) -> String {
    format!("<h2>{}</h2>\n<div class=\"row\">{}</div>\n", escaped(heading), charts.concat())
}

/// What is there for whoever asks.
#[must_use]
pub fn details(summary: &str, part: &str) -> String {
    format!("<details><summary>{}</summary>\n{part}</details>\n", escaped(summary))
}

/// A text as it stands.
#[must_use]
pub fn preformatted(text: &str) -> String {
    format!("<pre>{}</pre>\n", escaped(text))
}

/// A paragraph.
#[must_use]
pub fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escaped(text))
}

/// A table; columns of words begin at the left, numbers end at the right.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let words = |column: usize| {
        let word = |row: &Vec<String>| row.get(column).is_some_and(|cell| cell.starts_with(char::is_alphabetic));
        if rows.iter().any(word) { " class=\"words\"" } else { "" }
    };
    let words: Vec<&str> = (0..head.len()).map(words).collect();
    let mut html = String::from("<div class=\"wide\"><table>\n<tr>");
    for (cell, words) in head.iter().zip(&words) {
        let _ = write!(html, "<th{words}>{}</th>", escaped(cell));
    }
    for row in rows {
        html.push_str("</tr>\n<tr>");
        for (cell, words) in row.iter().zip(&words) {
            let _ = write!(html, "<td{words}>{}</td>", escaped(cell));
        }
    }
    html.push_str("</tr>\n</table></div>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_their_names_and_pages_are_whole() {
        let series = [Series { name: "DPP".into(), points: vec![(0.1, 0.3), (0.2, 0.25)] }];
        let picture = lines("difference", "relevance", &series);
        assert!(picture.contains("<svg") && picture.contains("DPP") && picture.contains("relevance"));
        let interval = Interval { value: 0.5, low: 0.4, high: 0.6 };
        let rows = whiskers("AUC", &[Whisker { name: "floor".into(), interval }]);
        assert!(rows.contains("floor") && rows.contains("AUC") && rows.contains("0.50"));
        assert!(!rows.contains("mark"), "zero is not among them");
        let page = page("a < b", &[picture, table(&["x"], &[vec!["1 & 2".into()]])]);
        assert!(page.contains("a &lt; b") && page.contains("1 &amp; 2") && !page.contains("<script"));
        assert!(lines("x", "y", &[]).contains("<svg") && whiskers("x", &[]).contains("across"));
        let odd = Interval { value: f64::NAN, low: -0.1, high: f64::INFINITY };
        let rows = whiskers("x", &[Whisker { name: "odd".into(), interval: odd }]);
        assert!(!rows.contains("NaN") && !rows.contains("inf") && rows.contains("<svg"));
    }
}
