use super::text;
use crate::load::Outcome;

/// One page, whole in itself.
pub fn html(outcome: &Outcome) -> String {
    let text = text(outcome).replace('&', "&amp;").replace('<', "&lt;");
    format!("<!doctype html>\n<meta charset=\"utf-8\">\n<title>hullo load</title>\n<pre>{text}</pre>\n")
}
