//! A TOML file, read key by key: every complaint names its line, and one complaint hides no other.

use crate::cli::output::failure::{Complaint, Place};
use crate::cli::usage::suggestion::unknown_name;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One table of a file. The keys that it is asked for are the known ones.
pub struct TomlSection<'t> {
    source: &'t TomlSource<'t>,
    /// The name of the table in a complaint, like `[limits]`; empty for the file itself.
    title: String,
    header: Range<usize>,
    table: &'t DeTable<'t>,
    known: RefCell<Vec<&'static str>>,
    is_faulty: Cell<bool>,
}

/// The text of a file, and all complaints about it.
pub struct TomlSource<'t> {
    name: Rc<str>,
    text: &'t str,
    complaints: RefCell<Vec<Complaint>>,
}

impl<'t> TomlSection<'t> {
    /// The table that the file itself is.
    pub fn of_file(source: &'t TomlSource<'t>, document: &'t Spanned<DeTable<'t>>) -> TomlSection<'t> {
        TomlSection::new(source, String::new(), document.span(), document.get_ref())
    }

    fn new(
        source: &'t TomlSource<'t>,
        title: String,
        header: Range<usize>,
        table: &'t DeTable<'t>,
    ) -> TomlSection<'t> {
        TomlSection { source, title, header, table, known: RefCell::default(), is_faulty: Cell::new(false) }
    }

    /// Reads the table under `key`.
    pub fn table(&self, key: &'static str) -> Option<TomlSection<'t>> {
        let value = self.value(key)?;
        self.as_table(value, format!("[{key}]"))
    }

    /// Reads the tables of the array under `key`.
    pub fn array_of_tables(&self, key: &'static str) -> Vec<TomlSection<'t>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.complain(key, format!("write it with two brackets: [[{key}]]"));
            return Vec::new();
        };
        array.iter().filter_map(|value| self.as_table(value, format!("[[{key}]]"))).collect()
    }

    /// Reads every table in this one, with its name. It is for a table in which any key may stand.
    pub fn tables(&self) -> Vec<(&'t str, TomlSection<'t>)> {
        let inner = self.title.trim_matches(['[', ']']);
        let section = |(name, value): (&'t Spanned<_>, _)| {
            let name: &std::borrow::Cow<'t, str> = name.get_ref();
            Some((&**name, self.as_table(value, format!("[{inner}.{name}]"))?))
        };
        self.table.iter().filter_map(section).collect()
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reads a text.
    pub fn text(&self, key: &'static str) -> Option<String> {
        let value = self.value(key)?.get_ref();
        if value.as_str().is_none() {
            self.complain(key, format!("{key} is {}: put it in quotes", with_article(value)));
        }
        value.as_str().map(str::to_owned)
    }

    /// Reads `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?.get_ref();
        if value.as_bool().is_none() {
            self.complain(
                key,
                format!("{key} is {}: write true or false, without quotes", with_article(value)),
            );
        }
        value.as_bool()
    }

    /// Reads a text or a number, and parses it. The error of `parse` is the end of a sentence that begins with "KEY = VALUE is".
    pub fn parsed<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (parsed, shown) = match self.value(key)?.get_ref() {
            DeValue::String(text) => (parse(text), format!("{text:?}")),
            DeValue::Integer(number) => {
                let decimal = i128::from_str_radix(number.as_str(), number.radix());
                let decimal = decimal.map_or_else(|_| number.to_string(), |decimal| decimal.to_string());
                (parse(&decimal), decimal)
            }
            DeValue::Float(number) => (parse(number.as_str()), number.to_string()),
            other => {
                self.complain(key, format!("{key} is {}: write a text or a number", with_article(other)));
                return None;
            }
        };
        parsed.map_err(|wrong| self.complain(key, format!("{key} = {shown} is {wrong}"))).ok()
    }

    /// The line of `key`, or the first line of the table if the key is missing.
    pub fn place(&self, key: &str) -> Place {
        self.source.place(&self.span(key))
    }

    /// Complains about `key`, or about the table if the key is missing. The name of the table is put before the sentence.
    pub fn complain(&self, key: &str, sentence: impl AsRef<str>) {
        let sentence = sentence.as_ref();
        match self.title.as_str() {
            "" => self.complain_as_is(key, sentence),
            title => self.complain_as_is(key, &format!("{title}: {sentence}")),
        }
    }

    /// Does the same with a sentence that names the table itself.
    pub fn complain_as_is(&self, key: &str, sentence: &str) {
        self.is_faulty.set(true);
        self.source.complain(&self.span(key), sentence);
    }

    /// Complains about every key that nobody has asked for. It is called last.
    pub fn complain_of_unknown_keys(&self) {
        let known = self.known.borrow();
        for key in self.table.keys().map(|key| key.get_ref().as_ref()).filter(|key| !known.contains(key)) {
            self.complain(key, unknown_name("key", key, known.iter().copied()));
        }
    }

    /// Whether there was a complaint about this table.
    pub fn is_faulty(&self) -> bool {
        self.is_faulty.get()
    }

    /// Whether there was a complaint about the file.
    pub fn is_file_faulty(&self) -> bool {
        !self.source.complaints.borrow().is_empty()
    }

    fn value(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    fn as_table(&self, value: &'t Spanned<DeValue<'t>>, title: String) -> Option<TomlSection<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let sentence = format!("{title} is {}: make it a table", with_article(value.get_ref()));
            self.source.complain(&value.span(), sentence);
        }
        Some(TomlSection::new(self.source, title, value.span(), table?))
    }

    fn span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or(self.header.clone(), |(key, _)| key.span())
    }
}

impl<'t> TomlSource<'t> {
    pub fn new(name: &str, text: &'t str) -> TomlSource<'t> {
        TomlSource { name: name.into(), text, complaints: RefCell::default() }
    }

    pub fn complain(&self, span: &Range<usize>, sentence: impl Into<String>) {
        self.complaints.borrow_mut().push(self.place(span).complaint(sentence));
    }

    pub fn into_complaints(self) -> Vec<Complaint> {
        self.complaints.into_inner()
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        Place::in_file(&self.name, before.iter().filter(|&&byte| byte == b'\n').count() + 1)
    }
}

fn with_article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
