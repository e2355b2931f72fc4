//! README's table of commands, held against what the program says of itself.

use std::process::Command;

/// What `roxfs ARGUMENTS -h` prints.
fn help(arguments: &[&str]) -> String {
    let mut roxfs = Command::new(env!("CARGO_BIN_EXE_roxfs"));
    let printed = roxfs.args(arguments).arg("-h").output().expect("roxfs");
    assert!(printed.status.success(), "{arguments:?}");
    String::from_utf8(printed.stdout).expect("UTF-8")
}

/// The names of the commands, in the order of the help.
fn commands(help: &str) -> Vec<&str> {
    let (_, listed) = help.split_once("\nCommands:\n").expect("a list");
    let lines = listed.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_whitespace().next())
        .filter(|&name| name != "help")
        .collect()
}

/// The options of a command, as `-f` and `--foreground`.
fn options(help: &str) -> Vec<&str> {
    let lines = help.lines().map(str::trim_start);
    let described = lines.filter(|line| line.starts_with('-'));
    described
        .filter_map(|line| line.split("  ").next())
        .flat_map(|option| option.split([' ', ',']))
        .filter(|word| word.starts_with('-'))
        .collect()
}

/// The command lines in README's table, as words.
fn rows() -> Vec<Vec<String>> {
    let lines = include_str!("../../../README.md").lines();
    let cells = lines.filter_map(|line| line.strip_prefix("| `roxfs ")?.split("` |").next());
    let words = |cell: &str| {
        let plain = cell.replace("\\|", "|").replace(['[', ']'], "");
        plain.split_whitespace().map(str::to_owned).collect()
    };
    cells.map(words).collect()
}

#[test]
fn the_table_of_readme_has_every_command_and_no_other() {
    let rows = rows();
    let named: Vec<&str> = rows.iter().map(|words| words[0].as_str()).collect();
    assert_eq!(named, commands(&help(&[])));
}

#[test]
fn the_table_of_readme_has_only_options_values_and_arguments_that_the_commands_have() {
    for words in rows() {
        let command = words[0].as_str();
        let help = help(&[command]);
        // Descriptions are broken into lines.
        let text = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let options = options(&help);
        for (at, option) in words.iter().enumerate() {
            if !option.starts_with('-') {
                continue;
            }
            assert!(options.contains(&option.as_str()), "{command} {option}");
            if let Some(values) = words
                .get(at + 1)
                .filter(|next| next.len() > 1 && next.contains('|'))
            {
                let possible = format!("[possible values: {}]", values.replace('|', ", "));
                assert!(text.contains(&possible), "{command} {option} {values}");
            }
        }
        let usage = help
            .lines()
            .find(|line| line.starts_with("Usage: "))
            .expect("usage");
        let last = usage
            .split(' ')
            .next_back()
            .map(|word| word.replace(['<', '>', '[', ']'], ""));
        assert_eq!(words.last(), last.as_ref(), "{usage}");
    }
}
