//! Charts that fit a telephone as well as a wide screen: the lines are SVG that is stretched, and what is read is text of the page, which is not.
//! Colours are the page's own (`--c0` …), so a chart is dark where the page is.

use std::fmt::Write;

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What the legend says.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
    /// A thin broken line without marks: what the others are held against.
    pub faint: bool,
}

/// A chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// What lies below.
    pub across: String,
    /// Its lines.
    pub curves: Vec<Curve>,
    /// A place of note on the axis below, and its name.
    pub mark: Option<(f64, String)>,
    /// Whether what lies below is counted: no fractions.
    pub counted: bool,
}

/// Colours of the page there are.
const COLOURS: usize = 6;

impl Chart {
    /// As HTML.
    #[must_use]
    pub fn html(&self) -> String {
        let points =
            || self.curves.iter().flat_map(|curve| &curve.points).filter(|p| p.0.is_finite() && p.1.is_finite());
        let across = Axis::over(points().map(|p| p.0), self.counted);
        let up = Axis::over(points().map(|p| p.1), false);
        let mut html = format!(
            "<figure class=\"chart\"><figcaption>{}</figcaption>\n<div class=\"legend\">",
            escaped(&self.title)
        );
        for (place, curve) in self.curves.iter().enumerate() {
            let kind = if curve.faint { " class=\"faint\"" } else { "" };
            let _ =
                write!(html, "<span{kind} style=\"--c:var(--c{})\">{}</span>", place % COLOURS, escaped(&curve.name));
        }
        html.push_str("</div>\n<div class=\"plot\"><div class=\"up\">");
        for tick in &up.ticks {
            let _ = write!(html, "<span style=\"bottom:{:.2}%\">{}</span>", 100.0 * up.at(*tick), up.shown(*tick));
        }
        html.push_str("</div><svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" role=\"img\">");
        let _ = write!(html, "<title>{}</title>", escaped(&self.title));
        for tick in &up.ticks {
            let _ = write!(html, "<path class=\"grid\" d=\"M0 {0:.2}H100\"/>", 100.0 - 100.0 * up.at(*tick));
        }
        if let Some((x, _)) = &self.mark {
            let _ = write!(html, "<path class=\"mark\" d=\"M{:.2} 0V100\"/>", 100.0 * across.at(*x));
        }
        for (place, curve) in self.curves.iter().enumerate() {
            let at = |(x, y): &(f64, f64)| (100.0 * across.at(*x), 100.0 - 100.0 * up.at(*y));
            let whole = curve.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite());
            let (mut line, mut dots) = (String::new(), String::new());
            for (i, (x, y)) in whole.map(at).enumerate() {
                let _ = write!(line, "{}{x:.2} {y:.2}", if i == 0 { "M" } else { "L" });
                // A stroke without length and with round ends is a dot that no stretching flattens.
                let _ = write!(dots, "M{x:.2} {y:.2}h0");
            }
            let colour = format!("style=\"stroke:var(--c{})\"", place % COLOURS);
            if curve.faint {
                let _ = write!(html, "<path class=\"line faint\" {colour} d=\"{line}\"/>");
            } else {
                let _ = write!(
                    html,
                    "<path class=\"line\" {colour} d=\"{line}\"/><path class=\"dots\" {colour} d=\"{dots}\"/>"
                );
            }
        }
        html.push_str("</svg><div class=\"across\">");
        for tick in &across.ticks {
            let _ =
                write!(html, "<span style=\"left:{:.2}%\">{}</span>", 100.0 * across.at(*tick), across.shown(*tick));
        }
        let note = self.mark.as_ref().map_or_else(String::new, |(_, name)| format!(" · {name}"));
        let _ = write!(
            html,
            "</div></div>\n<div class=\"below\">{}</div></figure>\n",
            escaped(&format!("{}{note}", self.across))
        );
        html
    }
}

/// From the least to the largest, with round numbers between.
pub(super) struct Axis {
    low: f64,
    high: f64,
    pub(super) ticks: Vec<f64>,
    decimals: usize,
}

impl Axis {
    pub(super) fn over(values: impl Iterator<Item = f64>, counted: bool) -> Self {
        let (mut low, mut high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let room = if counted { 0.0 } else { (high - low) * 0.06 };
        (low, high) = (low - room, high + room);
        if high - low < 1e-9 {
            (low, high) = (low - 0.5, high + 0.5);
        }
        let rough = (high - low) / 5.5;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let step = if counted { step.max(1.0).round() } else { step };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few digits")]
        let decimals = (-step.log10().floor()).clamp(0.0, 8.0) as usize;
        let first = (low / step).ceil();
        let ticks =
            (0..12u32).map(|i| (first + f64::from(i)) * step).take_while(|tick| *tick <= high + 1e-12).collect();
        Self { low, high, ticks, decimals }
    }

    /// From 0 to 1.
    pub(super) fn at(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub(super) fn middle(&self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    pub(super) fn shown(&self, value: f64) -> String {
        // No minus before nothing.
        format!("{:.*}", self.decimals, if value.abs() < 1e-12 { 0.0 } else { value })
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> String {
        let curve = Curve { name: "a < b".into(), points, faint: false };
        Chart { title: "t".into(), across: "epoch".into(), curves: vec![curve], mark: None, counted: true }.html()
    }

    #[test]
    fn a_chart_has_its_names_its_dots_and_round_numbers() {
        let html = chart(vec![(1.0, 0.71), (2.0, 0.78), (3.0, 0.79)]);
        assert!(html.contains("a &lt; b") && html.contains("epoch"), "{html}");
        for number in ["0.72", "0.74", "0.76", "0.78", ">1<", ">2<", ">3<"] {
            assert!(html.contains(number), "{number}: {html}");
        }
        assert_eq!(html.matches("h0").count(), 3);
    }

    #[test]
    fn nothing_one_point_and_no_number_are_drawn_too() {
        assert!(chart(vec![]).contains("<svg"));
        for odd in [vec![(1.0, 0.5)], vec![(1.0, f64::NAN), (2.0, f64::INFINITY)]] {
            let html = chart(odd);
            assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
        }
    }
}
