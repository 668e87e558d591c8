//! A figure of the page: a plot, what it shows in words, and the table that says the same.

use super::escape;
use super::plot::Plot;
use std::fmt::Write;

/// A plot with what it says, and the same in numbers.
pub struct Figure {
    pub title: &'static str,
    /// What there is to see, in a sentence.
    pub lead: String,
    /// Class and name of what is told apart by colour and has no name beside it.
    pub legend: Vec<(&'static str, String)>,
    /// None where there is nothing to draw: the lead says why.
    pub plot: Option<Plot>,
    pub table: Table,
}

#[derive(Default)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Figure {
    pub fn html(&self) -> String {
        let mut html = format!("<figure>\n<h2>{}</h2>\n<p>{}</p>\n", escape(self.title), escape(&self.lead));
        html += &legend("legend", self.legend.iter().map(|(class, name)| (*class, name.as_str())));
        if let Some(plot) = &self.plot {
            // Where the plot is wider than the screen, the names beside its lines are out of sight.
            html += &legend("legend narrow", plot.names());
        }
        if let Some(plot) = &self.plot {
            let _ = write!(html, "<div class=\"scroll\">\n{}</div>\n", plot.svg());
        }
        if !self.table.rows.is_empty() {
            let _ = write!(html, "<details><summary>In numbers</summary>\n{}</details>\n", self.table.html());
        }
        html.push_str("</figure>\n");
        html
    }
}

fn legend<'a>(class: &str, names: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let names: String = names
        .map(|(class, name)| format!("<span><i class=\"{class}\"></i>{}</span> ", escape(name)))
        .collect();
    if names.is_empty() { names } else { format!("<p class=\"{class}\">{names}</p>\n") }
}

impl Table {
    pub fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    pub fn html(&self) -> String {
        let mut html = "<div class=\"scroll\"><table>\n".to_owned();
        if !self.head.is_empty() {
            html.push_str("<thead><tr>");
            for name in &self.head {
                let _ = write!(html, "<th>{}</th>", escape(name));
            }
            html.push_str("</tr></thead>\n");
        }
        html.push_str("<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for cell in row {
                let _ = write!(html, "<td>{}</td>", escape(cell));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div>\n");
        html
    }
}
