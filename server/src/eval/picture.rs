//! Figures as a page that opens anywhere: one SVG picture (plotters) and the table it was drawn from, no script, no font, no
//! other file.

use super::Interval;
use super::chart::escaped;
use plotters::coord::Shift;
use plotters::prelude::*;
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

/// Colours that are told apart in print and by most eyes (Okabe & Ito 2008).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
];

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Lines with a mark at each point.
#[must_use]
pub fn lines(across: &str, up: &str, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|s| &s.points);
    let (x, y) = (span(points().map(|p| p.0)), span(points().map(|p| p.1)));
    drawn((900, 520), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(70)
            .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
        chart.configure_mesh().x_desc(across).y_desc(up).light_line_style(WHITE).label_style(text()).draw()?;
        for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
            let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2)).point_size(3);
            chart
                .draw_series(line)?
                .label(series.name.as_str())
                .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .label_font(text())
            .draw()
    })
}

/// One row a figure, with its interval as a line; names to the left.
#[must_use]
pub fn whiskers(across: &str, rows: &[Whisker]) -> String {
    let x = span(rows.iter().flat_map(|r| [r.interval.low, r.interval.high]));
    let height = 70 + 24 * u32::try_from(rows.len()).unwrap_or(0);
    drawn((900, height), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(16)
            .x_label_area_size(40)
            .margin_left(250)
            .build_cartesian_2d(x.0..x.1, 0..24 * i32::try_from(rows.len()).unwrap_or(0))?;
        chart.configure_mesh().disable_y_mesh().disable_y_axis().x_desc(across).label_style(text()).draw()?;
        for ((row, place), colour) in rows.iter().rev().zip(0i32..).zip(std::iter::repeat(COLOURS[0])) {
            let y = 24 * place + 12;
            let Interval { value, low, high } = row.interval;
            chart.draw_series([PathElement::new([(low, y), (high, y)], colour.stroke_width(2))])?;
            chart.draw_series([Circle::new((value, y), 4, colour.filled())])?;
            let (_, at) = chart.backend_coord(&(value, y));
            area.draw(&Text::new(row.name.clone(), (16, at - 7), text()))?;
        }
        Ok(())
    })
}

/// What every page looks like: dark where the reader's screen is, narrow where it is. Pictures of [`lines`] and [`whiskers`] stay on white paper.
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
td:first-child,th:first-child{text-align:left;padding-left:0}\
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
.plot path{fill:none;vector-effect:non-scaling-stroke}.grid{stroke:var(--rule);stroke-width:1}.mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 4}\
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

/// A table; the first column is text, the others are numbers or text as they come.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut html = String::from("<div class=\"wide\"><table>\n<tr>");
    for cell in head {
        let _ = write!(html, "<th>{}</th>", escaped(cell));
    }
    for row in rows {
        html.push_str("</tr>\n<tr>");
        for cell in row {
            let _ = write!(html, "<td>{}</td>", escaped(cell));
        }
    }
    html.push_str("</tr>\n</table></div>\n");
    html
}

fn text() -> TextStyle<'static> {
    ("sans-serif", 14).into_font().into()
}

fn drawn(size: (u32, u32), draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Drawn) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        // A picture in memory has no disk that could fail; what cannot be drawn (no points) stays white.
        let _ = area.fill(&WHITE).and_then(|()| draw(&area)).and_then(|()| area.present());
    }
    svg
}

/// The least and the largest, with a little room; never empty.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = ((high - low) * 0.06).max(1e-6);
    (low - room, high + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_their_names_and_pages_are_whole() {
        let series = [Series { name: "DPP".into(), points: vec![(0.1, 0.3), (0.2, 0.25)] }];
        let picture = lines("difference", "relevance", &series);
        assert!(picture.starts_with("<svg") && picture.contains("DPP") && picture.contains("relevance"));
        let interval = Interval { value: 0.5, low: 0.4, high: 0.6 };
        let rows = whiskers("AUC", &[Whisker { name: "floor".into(), interval }]);
        assert!(rows.contains("floor") && rows.contains("circle"));
        let page = page("a < b", &[picture, table(&["x"], &[vec!["1 & 2".into()]])]);
        assert!(page.contains("a &lt; b") && page.contains("1 &amp; 2") && !page.contains("<script"));
        assert!(lines("x", "y", &[]).starts_with("<svg"));
    }
}
