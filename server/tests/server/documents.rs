//! Compares `docs/settings.md` and `docs/limits.md` with the code. Both are generated from
//! `docs/templates/`. `XMEET_WRITE_DOCUMENTS=1 cargo nextest run documents` writes them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::{Arg, CommandFactory};
use xmeet_server::config::Config;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn settings_page_matches_the_code() {
    compare("settings.md");
}

#[test]
fn limits_page_matches_the_code() {
    compare("limits.md");
}

fn compare(name: &str) {
    let template = fs::read_to_string(root().join("docs/templates").join(name)).unwrap();
    let page = fill(&template);
    let path = root().join("docs").join(name);
    if env::var_os("XMEET_WRITE_DOCUMENTS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/{name} is out of date: XMEET_WRITE_DOCUMENTS=1 cargo nextest run documents"
    );
}

/// Replaces `{settings}` with tables of all settings, `{default OPTION}` with the default of an option,
/// and `{const FILE NAME}` with the value of a constant.
fn fill(template: &str) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        let (placeholder, after) = behind.split_once('}').expect("a placeholder has an end");
        page.push_str(before);
        match placeholder.split(' ').collect::<Vec<_>>()[..] {
            ["settings"] => page.push_str(&settings()),
            ["default", option] => page.push_str(&default_in_words(option)),
            ["const", file, name] => page.push_str(&const_in_words(file, name)),
            _ => panic!("{{{placeholder}}} is no placeholder"),
        }
        rest = after;
    }
    page + rest
}

fn settings() -> String {
    let command = Config::command();
    let mut tables = String::new();
    let mut heading = None;
    let is_setting = |argument: &&Arg| !argument.is_positional() && argument.get_env().is_some();
    for argument in command.get_arguments().filter(is_setting) {
        let topic = argument.get_help_heading().unwrap_or("The settings file");
        if heading != Some(topic) {
            heading = Some(topic);
            write!(tables, "\n## {topic}\n\n| option | default | effect |\n| --- | --- | --- |\n")
                .unwrap();
        }
        let option = argument.get_long().unwrap();
        let help = argument.get_long_help().or(argument.get_help()).unwrap().to_string();
        let help = help.replace('\n', " ").replace('|', "\\|");
        writeln!(tables, "| `--{option}` | {} | {help} |", default_of(argument)).unwrap();
    }
    tables.trim().to_owned()
}

fn default_of(argument: &Arg) -> String {
    let values: Vec<_> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if values.is_empty() { "none".to_owned() } else { format!("`{}`", values.join(",")) }
}

fn default_in_words(option: &str) -> String {
    let command = Config::command();
    let argument = command.get_arguments().find(|argument| argument.get_long() == Some(option));
    let argument = argument.unwrap_or_else(|| panic!("there is no option --{option}"));
    let value = argument.get_default_values()[0].to_string_lossy().into_owned();
    match value.parse() {
        Ok(number) if option.contains("bytes") => bytes_in_words(number),
        Ok(number) => with_separators(number),
        Err(_) => value,
    }
}

/// Returns the value of `const NAME: T = …;` in a file. The value must be a product of numbers, which may
/// be in a `Duration`.
fn const_in_words(file: &str, name: &str) -> String {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let definition = text.split_once(&format!("const {name}: ")).map(|(_, behind)| behind);
    let definition = definition.and_then(|behind| behind.split_once(';')).map(|(line, _)| line);
    let (_, value) = definition.and_then(|line| line.split_once(" = ")).unwrap_or_else(|| {
        panic!("{file} has no constant {name}");
    });
    let number = |text: &str| -> u64 {
        let factors = text.trim_end_matches(')').split('*');
        factors.map(|factor| factor.trim().replace('_', "").parse::<u64>().unwrap()).product()
    };
    match value.split_once('(') {
        Some(("Duration::from_secs", seconds)) => format!("{} s", number(seconds)),
        Some(("Duration::from_millis", millis)) => format!("{} ms", number(millis)),
        _ if name.contains("BYTES") => bytes_in_words(number(value)),
        _ if name.contains("_NS_") => format!("{} s", number(value) / 1_000_000_000),
        _ => with_separators(number(value)),
    }
}

fn bytes_in_words(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{} bytes", with_separators(bytes))
}

fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
