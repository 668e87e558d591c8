//! Text laid out in the columns of a terminal.

/// The width that help, tables and errors keep to.
pub const WIDTH: usize = 80;

/// Breaks each paragraph between its words, so that no line has more columns unless a single word has. The lines of a paragraph
/// after its first begin with `indent`. A line that begins with a blank is laid out already, and stays as it is.
pub fn fill(text: &str, columns: usize, indent: &str) -> String {
    text.split('\n').map(|line| fill_line(line, columns, indent)).collect::<Vec<_>>().join("\n")
}

fn fill_line(line: &str, columns: usize, indent: &str) -> String {
    if line.starts_with(' ') {
        return line.to_owned();
    }
    let mut filled = String::new();
    let mut column = 0;
    for word in line.split(' ') {
        if column > 0 && column + 1 + width(word) > columns {
            filled += "\n";
            filled += indent;
            column = width(indent);
        } else if column > 0 {
            filled += " ";
            column += 1;
        }
        filled += word;
        column += width(word);
    }
    filled
}

/// Breaks the lines of the first paragraph of a report, the indented ones among them. The rest is laid out already.
pub fn fill_head(text: &str, columns: usize) -> String {
    let (head, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let fill_line = |line: &str| {
        let depth = line.len() - line.trim_start().len();
        let margin = " ".repeat(depth);
        let filled = fill(line.trim_start(), columns - depth, &format!("{margin}  "));
        margin + &filled
    };
    let head = head.split('\n').map(fill_line).collect::<Vec<_>>().join("\n");
    if rest.is_empty() { head } else { format!("{head}\n\n{rest}") }
}

/// Adds blanks up to a number of columns.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns - width(text)))
}

/// How many columns a text takes on a terminal. Chinese, Japanese and Korean characters take two each.
pub fn width(text: &str) -> usize {
    let is_wide = |c: char| {
        matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|c| 1 + usize::from(is_wide(c))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(width("数据[{message}]收到了!"), 4 + 11 + 6 + 1);
        assert_eq!(pad("是", 4), "是  ");
    }

    #[test]
    fn a_paragraph_is_broken_between_words_and_loses_none() {
        let text = "word ".repeat(50);
        let filled = fill(text.trim_end(), WIDTH, "> ");
        assert!(filled.lines().all(|line| width(line) <= WIDTH), "{filled}");
        assert!(filled.lines().skip(1).all(|line| line.starts_with("> word")), "{filled}");
        assert_eq!(filled.replace("\n> ", " "), text.trim_end());
        let exact = format!("{} {}", "a".repeat(40), "b".repeat(39));
        assert_eq!(fill(&exact, WIDTH, ""), exact);
        assert_eq!(fill(&format!("{exact}b"), WIDTH, ""), exact.replace(' ', "\n") + "b");
    }

    #[test]
    fn the_head_of_a_report_is_filled_and_keeps_its_depth() {
        let words = "word ".repeat(30);
        let words = words.trim_end();
        let report = format!("FAILED:\n  {words}\n  none\n\nrate  {words}\n");
        let filled = fill_head(&report, WIDTH);
        let (head, rest) = filled.split_once("\n\n").unwrap();
        assert!(head.lines().all(|line| width(line) <= WIDTH), "{head}");
        assert_eq!(head.replace("\n    ", " "), format!("FAILED:\n  {words}\n  none"));
        assert_eq!(rest, format!("rate  {words}\n"));
        assert_eq!(fill_head("FAILED: all\n", WIDTH), "FAILED: all\n");
    }

    #[test]
    fn what_is_laid_out_or_has_no_blanks_stays_as_it_is() {
        for text in
            [format!("  {}", "a b ".repeat(40)), "a".repeat(100), String::new(), "a\n\nb\n".to_owned()]
        {
            assert_eq!(fill(&text, WIDTH, "> "), text);
        }
    }
}
