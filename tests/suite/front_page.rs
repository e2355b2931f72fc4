//! The front page of the source, `src/lib.rs`, says which folder of `src/` uses which, and where a
//! change begins. It is held against the code here, so that it stays true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Uses = BTreeMap<String, BTreeSet<String>>;

/// The rooms of the table on the front page, top to bottom, and what each uses.
fn table() -> (Vec<String>, Uses) {
    let page = std::fs::read_to_string(source().join("lib.rs")).expect("src/lib.rs");
    let rows = page.lines().filter_map(|line| {
        let cells = line.strip_prefix("//! | `")?.strip_suffix('|')?;
        let cells: Vec<&str> = cells.split('|').collect();
        let [room, _has, _never, uses] = cells[..] else {
            return None;
        };
        let uses = uses.split_whitespace().map(str::to_owned).collect();
        Some((room.trim().trim_matches('`').to_owned(), uses))
    });
    let rows: Vec<(String, BTreeSet<String>)> = rows.collect();
    let order = rows.iter().map(|(room, _)| room.clone()).collect();
    (order, rows.into_iter().collect())
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// What the code of each room names of the others, but for its tests and comments.
fn imports() -> Uses {
    let mut found = Uses::new();
    let mut open = vec![source()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(source()).expect("below src");
            let room = name.components().next().expect("a name");
            let room = Path::new(room.as_os_str()).with_extension("");
            let room = room.to_str().expect("UTF-8").to_owned();
            let is_code = path.extension().is_some_and(|extension| extension == "rs")
                && !["lib", "main"].contains(&&*room)
                && path.file_name().is_some_and(|name| name != "tests.rs");
            if is_code {
                let code = std::fs::read_to_string(&path).expect("readable");
                let code = code.split("#[cfg(test)]\nmod tests {").next();
                let used = used_by(code.expect("a part"));
                let others = used.into_iter().filter(|other| *other != room);
                found.entry(room.clone()).or_default().extend(others);
            }
        }
    }
    found
}

fn used_by(code: &str) -> BTreeSet<String> {
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        assert!(
            !rest.starts_with(['{', '*']),
            "crate::{{..}} is not understood here: name each room by itself"
        );
        let room = rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        used.extend(room.take(1).map(str::to_owned));
    }
    used
}

#[test]
fn each_room_uses_what_the_front_page_says_and_all_of_it() {
    let (order, said) = table();
    let found = imports();
    assert!(order.len() > 10, "the table is read: {order:?}");
    assert_eq!(
        said.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>(),
        "the rooms of the front page and the folders of src/"
    );
    for (room, used) in &found {
        assert_eq!(&said[room], used, "what {room} uses, as said and as found");
    }
}

/// The rows of the table "Where to add", without what comments begin with.
fn where_to_add(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let page = std::fs::read_to_string(&path).expect("the page");
    let lines = page.lines().map(|line| line.trim_start_matches("//! "));
    let table = lines.skip_while(|line| !line.starts_with("| a new |"));
    let table = table.take_while(|line| line.starts_with('|'));
    table.map(str::to_owned).collect()
}

#[test]
fn where_to_add_is_said_alike_in_both_places_and_leads_to_what_is_there() {
    let rows = where_to_add("src/lib.rs");
    assert!(rows.len() > 6, "the table is read: {rows:?}");
    assert_eq!(rows, where_to_add(".github/CONTRIBUTING.md"));
    let code = rows
        .iter()
        .flat_map(|row| row.split('`').skip(1).step_by(2));
    let paths: Vec<&str> = code.filter(|code| code.contains('/')).collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let is_there = source().join(path).exists() || root.join(path).exists();
        assert!(is_there, "{path}: no such file or directory");
    }
}

#[test]
fn no_room_uses_one_above_it() {
    let (order, said) = table();
    let place = |room: &String| order.iter().position(|other| other == room);
    for (room, used) in &said {
        for other in used {
            assert!(place(other) > place(room), "{room} uses {other}");
        }
    }
}
