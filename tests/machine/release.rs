//! The process that lets go of pages where not all records fit into memory: attributes stay known, and
//! without it records leave nevertheless.

use crate::alone;
use crate::requests::{answers, is_at_rest};
use crate::support::*;
use nix::sys::signal::Signal;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// More of them leave than fit into a pipe.
const RECORDS: usize = 4000;
const RECORD_LEN: usize = 4096;
/// Room for a quarter of them.
const OPTIONS: [&str; 4] = ["--cache", "4MiB", "--ahead", "none"];

fn dataset(directory: &Path) -> PathBuf {
    let records: Vec<Vec<u8>> = (0..RECORDS)
        .map(|number| bytes(number as u64, RECORD_LEN))
        .collect();
    pack_records(directory, "d", &records, &[])
}

/// The process that lets go of files of the mount at `path`, if it has begun.
fn releaser_of(path: &Path) -> Option<u32> {
    let path = path.as_os_str().as_bytes();
    let all = processes(|arguments| {
        arguments.get(1) == Some(&b"let-go".as_slice()) && arguments.contains(&path)
    });
    let name = |number: &u32| std::fs::read(format!("/proc/{number}/comm")).unwrap_or_default();
    all.into_iter()
        .find(|number| name(number) == b"roxfs-release\n")
}

/// Reads a record as programs do: opened, its attributes, its bytes.
fn read(mount: &Mount, number: usize) {
    let path = mount.join(&format!("records/{number:06}.bin"));
    let mut file = std::fs::File::open(path).expect("opened");
    let len = file.metadata().expect("attributes").len() as usize;
    let mut content = vec![0; len];
    file.read_exact(&mut content).expect("read");
    assert!(
        content == bytes(number as u64, RECORD_LEN),
        "record {number}"
    );
}

/// How many requests `action` makes the kernel send; what it sets off has ended then. Fewer where a
/// thread has ended that has answered some.
fn requests(daemon: u32, action: impl FnOnce()) -> u64 {
    let before = answers(daemon);
    action();
    wait_until("nothing is under way", || is_at_rest(daemon));
    answers(daemon).saturating_sub(before)
}

/// Reads all records; returns how many requests that takes.
fn pass(mount: &Mount) -> u64 {
    requests(mount.daemon(), || {
        (0..RECORDS).for_each(|number| read(mount, number));
    })
}

/// Whether as many requests as this were for records that left, one for each: with attributes there would
/// be two, for three records in four.
fn are_for_bytes(requests: u64) -> bool {
    (RECORDS / 2..RECORDS + RECORDS / 50).contains(&(requests as usize))
}

/// A mount where records leave, with the process.
fn mount(dataset: &Path) -> (Mount, u32) {
    let mount = Mount::with(&OPTIONS, &[dataset]);
    let mut process = None;
    wait_until("a process lets go", || {
        pass(&mount);
        process = releaser_of(mount.path());
        process.is_some()
    });
    (mount, process.expect("a process"))
}

/// Reads until a good part of all records is asked for again, whatever else the kernel asks.
fn wait_until_records_leave(mount: &Mount) {
    wait_until("records leave", || pass(mount) > RECORDS as u64 / 4);
}

#[test]
fn records_that_left_are_asked_for_by_one_request() {
    let _alone = alone();
    let directory = temp_dir();
    let (mount, _) = mount(&dataset(directory.path()));
    // Attributes that were let go of before it had begun are asked for once more.
    wait_until("attributes stay", || are_for_bytes(pass(&mount)));
    mount.unmount();
}

#[test]
fn records_leave_when_the_process_is_killed_or_stopped() {
    let _alone = alone();
    let directory = temp_dir();
    let dataset = dataset(directory.path());
    for end in [Signal::SIGKILL, Signal::SIGSTOP] {
        let (mount, process) = mount(&dataset);
        signal(process, end);
        wait_until_records_leave(&mount);
        let path = mount.path();
        run(roxfs().arg("umount").arg(path));
        wait_until("the daemon ends", || daemon_of(path).is_none());
        wait_until("the process ends", || releaser_of(path).is_none());
    }
}

/// Mapped pages are not taken by the process, and the daemon does it.
#[test]
fn records_that_are_mapped_leave() {
    let _alone = alone();
    let directory = temp_dir();
    let (mount, _) = mount(&dataset(directory.path()));
    let files: Vec<_> = (0..RECORDS)
        .map(|number| std::fs::File::open(mount.join(&format!("records/{number:06}.bin"))))
        .map(|file| {
            let file = file.expect("opened");
            #[expect(unsafe_code, reason = "a file of a read-only mount is mapped")]
            // SAFETY: nobody changes it.
            let map = unsafe { memmap2::Mmap::map(&file) };
            map.expect("mapped")
        })
        .collect();
    let asked = || {
        requests(mount.daemon(), || {
            for (number, map) in files.iter().enumerate() {
                assert!(
                    map[..] == bytes(number as u64, RECORD_LEN),
                    "record {number}"
                );
            }
        })
    };
    asked();
    wait_until("mapped records leave", || asked() > RECORDS as u64 / 4);
    drop(files);
    mount.unmount();
}

#[test]
fn a_mount_can_be_unmounted_while_records_leave() {
    let _alone = alone();
    let directory = temp_dir();
    let dataset = dataset(directory.path());
    for option in [None, Some("--lazy")] {
        let (mount, _) = mount(&dataset);
        (0..RECORDS).for_each(|number| read(&mount, number));
        run(roxfs().arg("umount").args(option).arg(mount.path()));
        let path = mount.path();
        wait_until("the daemon ends", || daemon_of(path).is_none());
        wait_until("the process ends", || releaser_of(path).is_none());
    }
}

#[test]
fn the_process_ends_with_a_killed_daemon() {
    let _alone = alone();
    let directory = temp_dir();
    let dataset = dataset(directory.path());
    for stop in [false, true] {
        let (mount, process) = mount(&dataset);
        if stop {
            signal(process, Signal::SIGSTOP);
        }
        signal(mount.daemon(), Signal::SIGKILL);
        let path = mount.path();
        wait_until("the daemon ends", || daemon_of(path).is_none());
        wait_until("the process ends", || releaser_of(path).is_none());
        let error = path.join("raw").metadata().expect_err("nobody answers");
        let errno = error.raw_os_error();
        // The second where the connection was ended by the process that watches.
        let gone = [Some(libc::ENOTCONN), Some(libc::ECONNABORTED)];
        assert!(gone.contains(&errno), "{error}");
    }
}

#[test]
fn the_process_has_no_file_but_its_pipes_and_the_mount() {
    let _alone = alone();
    let directory = temp_dir();
    let (mount, process) = mount(&dataset(directory.path()));
    let open = || {
        let open = std::fs::read_dir(format!("/proc/{process}/fd")).expect("descriptors");
        let open = open.flatten();
        let open: Vec<_> = open
            .filter_map(|entry| entry.path().read_link().ok())
            .collect();
        let pipes = open.iter().map(|to| to.as_os_str().as_bytes());
        // One is its standard output once more.
        (
            pipes.filter(|to| to.starts_with(b"pipe:")).count(),
            open.len(),
        )
    };
    // Beside the mount. While it lets go of a record, that is open, too.
    wait_until("it has nothing else open", || open() == (4, 5));
    mount.unmount();
}

#[test]
fn an_ordinary_user_has_the_process_too() {
    let _alone = alone();
    let _device = OpenDevice::new();
    let directory = temp_dir();
    let dataset = dataset(directory.path());
    sh("chmod -R a+rX \"$1\"", &[directory.path()]);
    let (path, _unmount) = mount_point(directory.path());
    sh("chown nobody \"$1\"", &[&path]);
    run(roxfs_as_nobody(directory.path())
        .arg("mount")
        .args(OPTIONS)
        .args([&dataset, &path]));
    let daemon = daemon_of(&path).expect("a daemon");
    let pass = || {
        let mut reading = as_nobody("sh");
        reading.args(["-c", "cat \"$1\"/records/*.bin >/dev/null", "sh"]);
        requests(daemon, || drop(run(reading.arg(&path))))
    };
    wait_until("a process lets go", || {
        pass();
        releaser_of(&path).is_some()
    });
    wait_until("attributes stay", || are_for_bytes(pass()));
    run(roxfs_as_nobody(directory.path()).arg("umount").arg(&path));
    wait_until("the daemon ends", || daemon_of(&path).is_none());
    wait_until("the process ends", || releaser_of(&path).is_none());
}
