//! Writes SVG: a card with its own background, so that it can be read on any page, in the colours
//! that the reader's system asks for.

use std::fmt::{Display, Write as _};

/// Inside a document shown as an image, media queries still see the reader's preference.
const STYLE: &str = "\
.card{fill:#fcfcfb;stroke:#dcdad5}.ink{fill:#1f2328}.soft{fill:#656d76}.grid{stroke:#e4e2dd}\
.axis{stroke:#9a9a94}.a{fill:#1b66c9}.b{fill:#b9b6ae}.c{fill:#d98324}\
.la{stroke:#1b66c9}.lb{stroke:#a3a098}.lc{stroke:#d98324}.ta{fill:#1b66c9}.tb{fill:#74716a}\
.tc{fill:#a85d0c}.line{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:13px}\
.title{font-size:17px;font-weight:600}.small{font-size:11.5px}.bold{font-weight:600}\
@media(prefers-color-scheme:dark){.card{fill:#16191d;stroke:#32373e}.ink{fill:#e6e8ea}\
.soft{fill:#9aa3ad}.grid{stroke:#2a2f36}.axis{stroke:#5c646d}.a{fill:#5b9df5}.b{fill:#6f7177}\
.c{fill:#e2994a}.la{stroke:#5b9df5}.lb{stroke:#85878d}.lc{stroke:#e2994a}.ta{fill:#7db2f8}\
.tb{fill:#a9abb0}.tc{fill:#edb273}}";

/// Where a text stands beside its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

pub(super) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

impl Svg {
    /// A card with a title, which is also what a reader who does not see it is told.
    pub(super) fn new(width: f64, height: f64, title: &str, subtitle: &str) -> Self {
        let mut svg = Self { body: String::new(), width, height };
        let (card_width, card_height) = (width - 1.0, height - 1.0);
        svg.push(format_args!(
            "<title>{}</title><style>{STYLE}</style>\
             <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{card_width}\" height=\"{card_height}\" rx=\"10\"/>",
            escaped(title)
        ));
        svg.text(24.0, 34.0, "ink title", Anchor::Start, title);
        svg.text(24.0, 55.0, "soft", Anchor::Start, subtitle);
        svg
    }

    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    pub(super) fn rule(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!("<path class=\"{class}\" d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\"/>"));
    }

    pub(super) fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"/>"
        ));
    }

    /// A line through points, each with a dot.
    pub(super) fn line(&mut self, points: &[(f64, f64)], class: &str) {
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let step = if index == 0 { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(path, "{step}{x:.1} {y:.1}");
        }
        self.push(format_args!("<path class=\"line l{class}\" d=\"{path}\"/>"));
        for (x, y) in points {
            self.push(format_args!(
                "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"
            ));
        }
    }

    fn push(&mut self, element: impl Display) {
        let _ = writeln!(self.body, "{element}");
    }

    pub(super) fn finish(self) -> String {
        let Self { body, width, height } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">\n{body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
