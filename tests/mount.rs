//! Mounting and unmounting as a person or a script does it.

mod common;

use common::*;

#[test]
fn a_mounted_dataset_has_its_records() {
    let directory = temp_dir();
    let records: Vec<Vec<u8>> = (0..50).map(|i| bytes(i, i as usize * 37)).collect();
    let dataset = pack_records(directory.path(), "d", &records, &["--shard-size", "8KiB"]);
    let mount = Mount::new(&dataset);
    for (number, record) in records.iter().enumerate() {
        assert_eq!(&mount.read(&format!("records/{number:06}.bin")), record);
    }
    assert_eq!(mount.read("raw/data"), records.concat());
    mount.unmount();
}
