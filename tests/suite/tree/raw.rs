//! `raw/data` and `raw/index`: the shards as one file each, read at every kind of boundary.

use super::*;

/// Records and shards without bytes at the beginning, in the middle and at the end.
fn with_gaps() -> Vec<Made> {
    vec![
        Made::plain("0.rox", &[]),
        Made::plain("1.rox", &[b"", b"abc"]),
        Made::plain("2.rox", &[b"", b""]),
        Made::plain("3.rox", &[b"d", b"", b"efgh"]),
        Made::plain("4.rox", &[b"ij"]),
        Made::plain("5.rox", &[b"klmnopq", b""]),
        Made::plain("6.rox", &[]),
    ]
}

fn check(tree: &Tree, node: Node, whole: &[u8], offset: u64, len: u32) {
    let start = whole.len().min(offset as usize);
    let end = whole.len().min(start.saturating_add(len as usize));
    let read = tree.read(node, offset, len).expect("readable");
    assert!(
        *read == whole[start..end],
        "{node:?} from {offset} for {len}"
    );
}

#[test]
fn every_range_is_that_range_of_the_joined_shards() {
    let shards = with_gaps();
    let written = Written::new(&shards);
    let tree = written.tree();
    let files = model(&shards);
    for (path, node) in [("raw/data", Node::RawData), ("raw/index", Node::RawIndex)] {
        let whole = &files[path];
        assert_eq!(tree.attr(node).expect("there").size, whole.len() as u64);
        let past = whole.len() as u64 + 2;
        for offset in 0..past {
            for len in (0..past as u32).chain([u32::MAX]) {
                check(&tree, node, whole, offset, len);
            }
        }
        check(&tree, node, whole, u64::MAX, u32::MAX);
    }
    assert_eq!(files["raw/data"], b"abcdefghijklmnopq");
}

#[test]
fn ranges_around_the_ends_of_shards_that_fill_many_pages_are_joined() {
    let lens = [4096, 5000, 100_000, 1, 8191];
    let files = ["0.rox", "1.rox", "2.rox", "3.rox", "4.rox"];
    let contents: Vec<Vec<u8>> = lens.iter().map(|&len| bytes(len as u64, len)).collect();
    let shards: Vec<Made> = files
        .iter()
        .zip(&contents)
        .map(|(file, content)| Made::plain(file, &[content]))
        .collect();
    let written = Written::new(&shards);
    let tree = written.tree();
    let whole = contents.concat();
    let mut end = 0;
    for len in lens {
        end += len as u64;
        for offset in end.saturating_sub(4097)..=end.saturating_sub(4095) {
            for len in [1, 4095, 4096, 4097, 4098, 1 << 20] {
                check(&tree, Node::RawData, &whole, offset, len);
            }
        }
        for offset in end - 1..=end + 1 {
            for len in [1, 2, 3, 4096, 1 << 20] {
                check(&tree, Node::RawData, &whole, offset, len);
            }
        }
    }
}

#[test]
fn a_record_is_read_at_any_offset_and_ends_where_it_ends() {
    let shards = sample();
    let written = Written::new(&shards);
    let tree = written.tree();
    let files = model(&shards);
    for number in 0..9 {
        let whole = &files[&format!("records/{number:06}.bin")];
        let size = whole.len() as u64;
        for offset in [0, 1, size / 2, size.saturating_sub(1), size, size + 1] {
            for len in [0, 1, 4096, u32::MAX] {
                check(&tree, Node::Record(number), whole, offset, len);
            }
        }
    }
    assert!(matches!(
        tree.read(Node::Record(9), 0, 1),
        Err(TreeError::NotFound)
    ));
}

#[test]
fn directories_cannot_be_read_nor_files_listed() {
    let written = Written::new(&sample());
    let tree = written.tree();
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    walk(&tree, "", &mut directories, &mut files);
    for path in directories {
        let read = tree.read(node_at(&tree, &path), 0, 1);
        assert!(matches!(read, Err(TreeError::IsADirectory)), "{path}");
    }
    for path in files {
        let node = node_at(&tree, &path);
        let listed = tree.list(node, 0, &mut |entry| panic!("{path}: {entry:?}"));
        assert!(matches!(listed, Err(TreeError::NotADirectory)), "{path}");
        let below = tree.lookup(node, b"x");
        assert!(matches!(below, Err(TreeError::NotADirectory)), "{path}");
    }
}
