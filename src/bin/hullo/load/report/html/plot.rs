//! A plot as inline SVG: axes, shaded phases, lines and areas with their names beside them, and what a pointer
//! shows. All of it is markup and style; there is no script that could fail.

use super::escape;
use super::scale::Scale;
use std::fmt::Write;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 30.0;
/// The least distance between the names of two lines.
const LINE_HEIGHT: f64 = 15.0;
/// The width of a letter, near enough.
const LETTER: f64 = 6.3;

pub struct Plot {
    /// What it shows, for those who cannot see it.
    pub name: &'static str,
    pub height: f64,
    pub x: Axis,
    pub y: Axis,
    pub shades: Vec<Shade>,
    pub limits: Vec<Limit>,
    pub series: Vec<Series>,
    pub tips: Vec<Tip>,
}

pub struct Axis {
    pub scale: Scale,
    pub tick: fn(f64) -> String,
}

/// A stretch of the x axis that stands back.
pub struct Shade {
    pub from: f64,
    pub to: f64,
    pub name: &'static str,
    pub is_shaded: bool,
}

/// A level that means something.
pub struct Limit {
    pub at: f64,
    pub name: String,
}

pub struct Series {
    /// The name beside a line; bars are explained by a legend.
    pub name: String,
    /// The class that has its colour.
    pub class: &'static str,
    pub shape: Shape,
}

pub enum Shape {
    /// Points in their order; `None` is a gap.
    Line(Vec<Option<(f64, f64)>>),
    /// Each bar: where it begins and ends on the x axis, its lower and its upper end.
    Bars(Vec<[f64; 4]>),
    /// The area between two lines: an x, and the y of each line there.
    Band(Vec<[f64; 3]>),
}

/// What is shown while the pointer is between two values of x.
pub struct Tip {
    pub from: f64,
    pub to: f64,
    /// What the figures belong to.
    pub at: f64,
    pub lines: Vec<String>,
}

impl Plot {
    pub fn svg(&self) -> String {
        let name = escape(self.name);
        let height = self.height;
        let mut svg = format!(
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{name}\">\n"
        );
        self.draw_shades(&mut svg);
        self.draw_axes(&mut svg);
        self.draw_limits(&mut svg);
        for series in &self.series {
            self.draw(&mut svg, series);
        }
        self.draw_names(&mut svg);
        for tip in &self.tips {
            self.draw_tip(&mut svg, tip);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// Class and name of what has its name beside it.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let series = self.series.iter().filter(|series| !series.name.is_empty());
        series.map(|series| (series.class, series.name.as_str()))
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.scale.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom() - self.y.scale.place(value) * (self.bottom() - TOP)
    }

    fn bottom(&self) -> f64 {
        self.height - BOTTOM
    }

    fn draw_shades(&self, svg: &mut String) {
        for shade in &self.shades {
            let (from, to) = (self.x(shade.from), self.x(shade.to));
            let (width, height) = (to - from, self.bottom() - TOP);
            if shade.is_shaded {
                put(
                    svg,
                    format_args!(
                        "<rect class=\"shade\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"/>"
                    ),
                );
            }
            if shade.name.len() as f64 * LETTER < width + 4.0 {
                let middle = (from + to) / 2.0;
                put(
                    svg,
                    format_args!(
                        "<text class=\"phase\" x=\"{middle:.1}\" y=\"{}\">{}</text>",
                        TOP - 7.0,
                        shade.name
                    ),
                );
            }
        }
    }

    fn draw_axes(&self, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, self.bottom());
        for tick in self.y.scale.ticks() {
            let (y, label) = (self.y(*tick), escape(&(self.y.tick)(*tick)));
            put(svg, format_args!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>"));
            put(
                svg,
                format_args!(
                    "<text class=\"tick y\" x=\"{}\" y=\"{:.1}\">{label}</text>",
                    LEFT - 8.0,
                    y + 4.0
                ),
            );
        }
        for tick in self.x.scale.ticks() {
            let (x, label) = (self.x(*tick), escape(&(self.x.tick)(*tick)));
            put(svg, format_args!("<path class=\"axis\" d=\"M{x:.1} {bottom}v4\"/>"));
            put(
                svg,
                format_args!("<text class=\"tick x\" x=\"{x:.1}\" y=\"{}\">{label}</text>", bottom + 18.0),
            );
        }
        put(svg, format_args!("<path class=\"axis\" d=\"M{LEFT} {bottom}H{right}\"/>"));
    }

    fn draw_limits(&self, svg: &mut String) {
        for limit in &self.limits {
            let y = self.y(limit.at);
            put(svg, format_args!("<path class=\"limit\" d=\"M{LEFT} {y:.1}H{}\"/>", WIDTH - RIGHT));
        }
    }

    fn draw(&self, svg: &mut String, series: &Series) {
        let class = series.class;
        match &series.shape {
            Shape::Line(points) => {
                let mut path = String::new();
                for run in points.split(Option::is_none).filter(|run| !run.is_empty()) {
                    for (at, (x, y)) in run.iter().flatten().enumerate() {
                        let command = if at == 0 { 'M' } else { 'L' };
                        let _ = write!(path, "{command}{:.1} {:.1}", self.x(*x), self.y(*y));
                    }
                    // A point alone is drawn as a line without length, whose round caps make a dot.
                    if run.len() == 1 {
                        path.push_str("h.01");
                    }
                }
                put(svg, format_args!("<path class=\"line {class}\" d=\"{path}\"/>"));
            }
            Shape::Bars(bars) => {
                let mut path = String::new();
                for [from, to, lower, upper] in bars {
                    let (from, to, lower, upper) =
                        (self.x(*from), self.x(*to), self.y(*lower), self.y(*upper));
                    let gap = if to - from > 6.0 { 1.0 } else { 0.0 };
                    let (left, right) = (from + gap, (to - gap).max(from + gap + 1.5));
                    let _ = write!(path, "M{left:.1} {lower:.1}V{upper:.1}H{right:.1}V{lower:.1}Z");
                }
                put(svg, format_args!("<path class=\"area {class}\" d=\"{path}\"/>"));
            }
            Shape::Band(band) => {
                let there = band.iter().map(|[x, y, _]| (*x, *y));
                let back = band.iter().rev().map(|[x, _, y]| (*x, *y));
                let points = there.chain(back).map(|(x, y)| format!("{:.1} {:.1}", self.x(x), self.y(y)));
                let path = points.collect::<Vec<_>>().join("L");
                put(svg, format_args!("<path class=\"band {class}\" d=\"M{path}Z\"/>"));
            }
        }
    }

    /// Names stand beside the ends of their lines, and are pushed apart where they would meet.
    fn draw_names(&self, svg: &mut String) {
        let mut names: Vec<(f64, &str, &str)> =
            self.limits.iter().map(|limit| (self.y(limit.at), limit.name.as_str(), "limit")).collect();
        for series in &self.series {
            if let Shape::Line(points) = &series.shape
                && let Some((_, y)) = points.iter().flatten().last()
            {
                names.push((self.y(*y), &series.name, series.class));
            }
        }
        names.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut above = TOP - LINE_HEIGHT;
        for name in &mut names {
            name.0 = name.0.max(above + LINE_HEIGHT);
            above = name.0;
        }
        let mut below = self.bottom() + LINE_HEIGHT;
        for name in names.iter_mut().rev() {
            name.0 = name.0.min(below - LINE_HEIGHT);
            below = name.0;
        }
        for (y, name, class) in names {
            put(
                svg,
                format_args!(
                    "<text class=\"name {class}\" x=\"{}\" y=\"{:.1}\">{}</text>",
                    WIDTH - RIGHT + 8.0,
                    y + 4.0,
                    escape(name)
                ),
            );
        }
    }

    fn draw_tip(&self, svg: &mut String, tip: &Tip) {
        let (from, to) = (self.x(tip.from), self.x(tip.to));
        let width = (to - from).max(1.0);
        let middle = self.x(tip.at);
        let letters = tip.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let box_width = letters as f64 * LETTER + 18.0;
        let box_height = tip.lines.len() as f64 * LINE_HEIGHT + 9.0;
        let left = if middle + 10.0 + box_width < WIDTH { middle + 10.0 } else { middle - 10.0 - box_width };
        let height = self.bottom() - TOP;
        put(
            svg,
            format_args!(
                "<g class=\"tip\"><rect class=\"hit\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"/><g>"
            ),
        );
        put(svg, format_args!("<path class=\"cursor\" d=\"M{middle:.1} {TOP}v{height}\"/>"));
        put(
            svg,
            format_args!(
                "<rect class=\"box\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{box_width:.1}\" height=\"{box_height}\" rx=\"4\"/>"
            ),
        );
        for (at, line) in tip.lines.iter().enumerate() {
            let y = TOP + 16.0 + at as f64 * LINE_HEIGHT;
            put(svg, format_args!("<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>", left + 9.0, escape(line)));
        }
        put(svg, format_args!("</g></g>"));
    }
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    let _ = writeln!(svg, "{element}");
}
