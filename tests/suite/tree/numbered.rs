//! `records/`, `shards/` and the directories in it.

use super::*;

#[test]
fn a_record_is_found_by_its_number_with_any_padding() {
    let written = Written::new(&sample());
    let tree = written.tree();
    for name in ["5.bin", "05.bin", "000005.bin", "0000000000000000005.bin"] {
        assert_eq!(
            node_at(&tree, &format!("records/{name}")),
            Node::Record(5),
            "{name}"
        );
    }
}

#[test]
fn what_is_no_record_is_not_found() {
    let written = Written::new(&sample());
    let tree = written.tree();
    // Nine records.
    for name in [
        "9.bin",
        "000009.bin",
        "18446744073709551615.bin",
        "18446744073709551616.bin",
        "000005",
        "000005.",
        "000005.jpg",
        "000005.bin.bin",
        "000005bin",
        "-1.bin",
        "+5.bin",
        "5 .bin",
        "0x5.bin",
        ".bin",
        "bin",
    ] {
        assert!(is_missing(&tree, &format!("records/{name}")), "{name}");
    }
    let long = "0".repeat(252) + ".bin";
    let found = tree.lookup(Node::Records, long.as_bytes());
    assert!(matches!(found, Err(TreeError::NameTooLong)));
}

#[test]
fn names_have_as_many_digits_as_the_last_record_needs() {
    let count = 1_000_001;
    let parts = Parts {
        ends: vec![0; count],
        records: count as i64,
        ..Parts::plain::<&[u8]>(&[])
    };
    let directory = temp_dir();
    let path = directory.path().join("many.rox");
    std::fs::write(&path, parts.bytes()).expect("shard");
    let tree = Tree::new(open(&[path]), MOUNTER, Box::new(|| {}));
    for directory in [Node::Records, Node::Shard(0)] {
        assert_eq!(list(&tree, directory, 0, 3)[2].name, "0000000.bin");
        let last = list(&tree, directory, 2 + 1_000_000, 9);
        assert_eq!(last.len(), 1);
        assert_eq!(last[0].name, "1000000.bin");
        assert_eq!(last[0].attr.node, Node::Record(1_000_000));
    }
    // Six digits are understood all the same.
    assert_eq!(node_at(&tree, "records/000042.bin"), Node::Record(42));
}

#[test]
fn another_extension_takes_the_place_of_the_usual_one() {
    let written = Written::new(&sample());
    let tree = written.tree().with_extension("jpg");
    assert_eq!(names(&tree, Node::Records)[7], "000007.jpg");
    assert_eq!(node_at(&tree, "records/7.jpg"), Node::Record(7));
    assert_eq!(node_at(&tree, "shards/z/1.jpg"), Node::Record(7));
    assert!(is_missing(&tree, "records/000007.bin"));
}

#[test]
fn the_directory_of_a_shard_counts_from_its_own_first_record() {
    let written = Written::new(&sample());
    let tree = written.tree();
    assert_eq!(
        node_at(&tree, "shards/nameless/000000.bin"),
        Node::Record(3)
    );
    assert_eq!(node_at(&tree, "shards/z/1.bin"), Node::Record(7));
    assert!(
        is_missing(&tree, "shards/nameless/3.bin"),
        "its neighbour's"
    );
    assert!(is_missing(&tree, "shards/empty/0.bin"));
    assert!(is_missing(&tree, "shards/none"));
    assert!(names(&tree, Node::Shard(1)).is_empty());
    assert!(matches!(
        tree.attr(Node::Shard(4)),
        Err(TreeError::NotFound)
    ));
}

#[test]
fn shards_of_one_name_get_numbers_that_no_other_shard_has() {
    let files = [
        "1/x.rox",
        "2/x.rox",
        "3/x~2.rox",
        "4/x",
        "5/.rox",
        "6/x.rox.rox",
        "7/a.rox",
    ];
    let shards: Vec<Made> = files
        .iter()
        .map(|&file| Made::plain(file, &[file.as_bytes()]))
        .collect();
    let written = Written::new(&shards);
    let tree = written.tree();
    let expected = ["x", "x~2", "x~2~2", "x~3", ".rox", "x.rox", "a"];
    assert_eq!(names(&tree, Node::Shards), expected);
    for (number, name) in (0..).zip(expected) {
        assert_eq!(
            node_at(&tree, &format!("shards/{name}")),
            Node::Shard(number)
        );
        let record = node_at(&tree, &format!("shards/{name}/000000.bin"));
        let content = tree.read(record, 0, 100).expect("readable");
        assert_eq!(*content, *files[number as usize].as_bytes(), "{name}");
    }
}
