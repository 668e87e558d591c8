//! The clients: `hullo talk` for a person or a script, `hullo fetch` for pages.

pub mod fetch;
pub mod talk;
