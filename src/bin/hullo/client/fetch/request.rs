//! The request that is sent to a server: a GET, with header fields of the user's own.

use super::url::Url;
use std::fmt;
use std::str::FromStr;

/// A header field that the user gave as `Name: value`. It replaces the field of that name that we would send. Without a value
/// it only removes that field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    name: String,
    value: String,
}

/// The fields that the user may not set, since each page has a connection of its own and no request has a body.
const OWN_FIELDS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The fields that are meant for the server of the URL, and are not sent to another one that it redirects to.
const PRIVATE_FIELDS: [&str; 4] = ["authorization", "cookie", "host", "proxy-authorization"];

impl Field {
    /// Whether it is the `Host` field, of which a request has one.
    pub fn is_host(&self) -> bool {
        self.is("host")
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }
}

impl FromStr for Field {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Field, FieldError> {
        let (name, value) = text.split_once(':').ok_or(FieldError("write it as 'Name: value'"))?;
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_of_name) {
            return Err(FieldError(
                "the name before the colon is none: letters, digits and hyphens make one",
            ));
        }
        let value = value.trim_matches([' ', '\t']);
        if value.contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(FieldError(
                "its value has a line end or another control character, which no field can have",
            ));
        }
        let field = Field { name: name.to_owned(), value: value.to_owned() };
        if field.is_one_of(&OWN_FIELDS) {
            return Err(FieldError("fetch sets this field itself: a connection for each page, and no body"));
        }
        if field.is_host() && field.value.is_empty() {
            return Err(FieldError("a request needs its Host: give it a value"));
        }
        Ok(field)
    }
}

/// Why a text is no [`Field`]. It displays as the end of a sentence that begins with the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldError(&'static str);

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for FieldError {}

/// Writes the request for `url`. The user asked for `asked`, from which redirects may have led there.
pub fn request(url: &Url, asked: &Url, fields: &[Field]) -> String {
    let given = || fields.iter().filter(|field| url.is_beside(asked) || !field.is_one_of(&PRIVATE_FIELDS));
    let mut request = format!("GET {} HTTP/1.1\r\n", url.target());
    let agent = concat!("hullo/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [("Host", url.host_field().as_str()), ("User-Agent", agent), ("Accept", "*/*")] {
        if !given().any(|field| field.is(name)) {
            request += &format!("{name}: {value}\r\n");
        }
    }
    for field in given().filter(|field| !field.value.is_empty()) {
        request += &format!("{}: {}\r\n", field.name, field.value);
    }
    request + "Connection: close\r\n\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(url: &str, fields: &[&str]) -> Vec<String> {
        let asked: Url = "http://a/x".parse().unwrap();
        let fields: Vec<Field> = fields.iter().map(|field| field.parse().unwrap()).collect();
        let request = request(&url.parse().unwrap(), &asked, &fields);
        request.strip_suffix("\r\n\r\n").unwrap().split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_field_of_the_users_stands_in_the_place_of_ours() {
        let agent = concat!("User-Agent: hullo/", env!("CARGO_PKG_VERSION"));
        let end = "Connection: close";
        assert_eq!(lines("http://a/x", &[]), ["GET /x HTTP/1.1", "Host: a", agent, "Accept: */*", end]);
        assert_eq!(
            lines("http://a/x", &["accept:text/html", "X-A: 1 2 ", "X-A:\té", "user-agent:"]),
            ["GET /x HTTP/1.1", "Host: a", "accept: text/html", "X-A: 1 2", "X-A: é", end]
        );
        assert_eq!(lines("http://a/x", &["Host: b"])[1..4], [agent, "Accept: */*", "Host: b"]);
    }

    #[test]
    fn what_is_for_one_server_is_not_told_another() {
        let fields = ["Host: b", "Cookie: c", "Authorization: d", "X: e"];
        let here = lines("http://a/y", &fields);
        assert!(fields.iter().all(|field| here.contains(&(*field).to_owned())), "{here:?}");
        for elsewhere in ["http://c/y", "http://a:81/y"] {
            let there = lines(elsewhere, &fields);
            assert!(
                there.contains(&"X: e".to_owned())
                    && there[1] == format!("Host: {}", &elsewhere[7..elsewhere.len() - 2])
            );
            assert!(!fields[..3].iter().any(|field| there.contains(&(*field).to_owned())), "{there:?}");
        }
    }

    #[test]
    fn what_is_no_field_is_told_with_its_remedy() {
        for (text, part) in [
            ("X", "'Name: value'"),
            (": x", "the name"),
            ("X y: z", "the name"),
            ("é: z", "the name"),
            ("X: a\r\nY: b", "line end"),
            ("X: a\nb", "line end"),
            ("X: \0", "control character"),
            ("Connection: keep-alive", "itself"),
            ("content-length: 5", "itself"),
            ("Transfer-Encoding: chunked", "itself"),
            ("Host:", "needs its Host"),
        ] {
            let error = text.parse::<Field>().expect_err(text).to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}
