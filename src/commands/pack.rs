//! `roxfs pack`

use super::{Exit, byte_progress, count, size};
use crate::cli::{FooterForm, From, Pack, Prefix};
use crate::dataset::expand;
use crate::pack::source::{self, Duplicates, Exclude, Files, Input, JUNK, Kind, Links, Naming};
use crate::pack::source::{Pattern, Skipped};
use crate::pack::{Form, PackError, PackOptions, PackOutcome, Progress, Sections, Target, pack};
use anyhow::Context;
use indicatif::ProgressBar;
use nix::sys::signal::{SigSet, Signal};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, available_parallelism};
use std::time::Instant;

/// Threads that read files, where there are many cores.
const MOST_THREADS: usize = 8;

/// Packs, and says what was packed.
pub fn run(options: &Pack) -> anyhow::Result<Exit> {
    if options.sort && !matches!(options.from, Some(From(Kind::List(_)))) {
        super::say("--sort goes with --from list and --from list0");
        return Ok(Exit::Code(2));
    }
    if options.footer == Some(FooterForm::V01) && options.dtype.is_some() {
        super::say("--dtype goes with --footer 02: a footer of form 01 has no element type");
        return Ok(Exit::Code(2));
    }
    if let Some(dtype) = options.dtype.as_ref().filter(|dtype| !dtype.is_known()) {
        super::say(format_args!(
            "--dtype {dtype}: NumPy has no such type, as far as is known; roxxel reads the records, \
             but streams no arrays of it"
        ));
    }
    if let Some(wrong) = options.wrong_naming() {
        super::say(wrong);
        return Ok(Exit::Code(2));
    }
    super::raise_open_files();
    // Before any thread starts, so that all of them leave the signals to the one that waits.
    let interrupt = interrupt_by_signals()?;
    let start = Instant::now();
    let mut pack_options = pack_options(options);
    let mut input = options.input()?;
    if input.kind == Kind::Rox {
        input.sources = expand(&input.sources)?;
    }
    let source = source::open(&input, &pack_options.target)?;
    if input.kind == Kind::Rox {
        let shards = source::shards_to_read(&input, &pack_options.target)?;
        pack_options.form = pack_options.form.of_shards(&shards)?;
    }
    let mut shown = Shown {
        bar: match options.quiet {
            true => ProgressBar::hidden(),
            false => byte_progress(None).with_message("packing"),
        },
    };
    if !shown.bar.is_hidden() {
        measure_in_background(&input, shown.bar.clone());
    }
    let packed = pack(source, &pack_options, &mut shown, &interrupt);
    shown.bar.finish_and_clear();
    let outcome = packed?;
    if !options.quiet || outcome.interrupted {
        let seconds = start.elapsed().as_secs_f64();
        super::say(describe(&outcome, seconds));
    }
    Ok(match outcome {
        PackOutcome {
            interrupted: false,
            is_damaged: true,
            ..
        } => Exit::Damaged,
        PackOutcome {
            interrupted: true, ..
        }
        | PackOutcome { failed: 1.., .. } => Exit::Failed,
        _ => Exit::Done,
    })
}

fn pack_options(options: &Pack) -> PackOptions {
    PackOptions {
        target: Target::new(&options.output, options.single_file),
        shard_size: (!options.single_file).then_some(options.shard_size),
        form: match (options.footer, &options.dtype) {
            (None, _) => Form::Any,
            (Some(FooterForm::V01), _) => Form::V01,
            (Some(FooterForm::V02), None) => Form::V02,
            (Some(FooterForm::V02), Some(dtype)) => Form::Typed(dtype.clone()),
        },
        sections: Sections {
            names: !options.plain && !options.no_names,
            checksums: !options.plain && !options.no_checksums,
        },
        drop_empty: options.drop_empty,
        keep_first: options.duplicates() == Duplicates::First,
        resume: options.resume,
        new_shard: options.new_shard,
        keep_going: options.keep_going,
        threads: available_parallelism()
            .map_or(1, usize::from)
            .min(MOST_THREADS),
    }
}

/// Becomes true at the first SIGINT or SIGTERM; the second ends the process as usual.
fn interrupt_by_signals() -> nix::Result<Arc<AtomicBool>> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.thread_block()?;
    let interrupt = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupt);
    let wait = move || {
        if signals.wait().is_ok() {
            flag.store(true, Ordering::Relaxed);
            let _ = signals.thread_unblock();
        }
        loop {
            std::thread::park();
        }
    };
    if let Err(error) = Builder::new().name("signals".to_owned()).spawn(wait) {
        // The run is as safe as one that is killed.
        log::info!(
            "a thread for signals cannot be started, so that they end the run at once: {error}"
        );
        signals.thread_unblock()?;
    }
    Ok(interrupt)
}

struct Shown {
    bar: ProgressBar,
}

impl Progress for Shown {
    fn done(&mut self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn failed(&mut self, error: &PackError) {
        self.bar
            .suspend(|| super::say(format_args!("left out: {error}")));
    }
}

/// Finds the bar's length while packing has begun, where that takes no reading of the content.
fn measure_in_background(input: &Input, bar: ProgressBar) {
    if !matches!(input.kind, Kind::Paths | Kind::Files) || input.sources.iter().any(|s| s.is_file())
    {
        return;
    }
    let files = Files::new(input.sources.clone(), input.links);
    let files = files.without(input.naming.exclude.clone());
    // Without a thread to spare there is no length.
    let _ = Builder::new().name("measure".to_owned()).spawn(move || {
        let sizes = files.filter_map(Result::ok).map(|record| record.size);
        let total = sizes.fold(0, u64::saturating_add);
        bar.set_style(super::bar_style());
        bar.set_length(total);
    });
}

fn describe(outcome: &PackOutcome, seconds: f64) -> String {
    let rate = outcome.bytes as f64 / seconds.max(0.001);
    let mut parts = vec![format!(
        "{}packed {} ({}) into {} in {seconds:.1} s ({}/s)",
        if outcome.interrupted {
            "interrupted: "
        } else {
            ""
        },
        count(outcome.records, "record"),
        size(outcome.bytes),
        count(outcome.shards.len() as u64, "shard"),
        size(rate as u64),
    )];
    let more = [
        (outcome.resumed, "kept from the interrupted run"),
        (outcome.empty, "empty, left out"),
        (outcome.failed, "failed and left out"),
        (outcome.skipped.special, "skipped: not a file"),
        (outcome.skipped.links, "skipped: symbolic link"),
        (outcome.skipped.directories, "skipped: directory"),
        (
            outcome.skipped.own,
            "skipped: of the dataset that is written",
        ),
    ];
    for (number, what) in more.iter().filter(|(number, _)| *number > 0) {
        parts.push(format!("{number} {what}"));
    }
    parts.extend(describe_names(&outcome.skipped));
    if outcome.interrupted {
        parts.push("whole shards stay; continue with --resume".to_owned());
    }
    parts.join("; ")
}

/// What was left out because of its name, and directories that leave no name.
fn describe_names(skipped: &Skipped) -> Vec<String> {
    let plural = |number: u64, one: &str, more: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{} {more}", indicatif::HumanCount(number)),
    };
    let parts = [
        (skipped.excluded, "excluded", "excluded"),
        (
            skipped.excluded_directories,
            "directory excluded with all below it",
            "directories excluded with all below them",
        ),
        (skipped.short, "left out by --strip", "left out by --strip"),
        (
            skipped.duplicates,
            "duplicate left out",
            "duplicates left out",
        ),
        (
            skipped.empty_directories,
            "empty directory: it has no place in a dataset",
            "empty directories: they have no place in a dataset",
        ),
    ];
    let parts = parts.iter().filter(|(number, ..)| *number > 0);
    parts
        .map(|(number, one, more)| plural(*number, one, more))
        .collect()
}

impl Pack {
    fn duplicates(&self) -> Duplicates {
        self.duplicates.map_or_else(Duplicates::default, Into::into)
    }

    /// Options about names where there are none, or about archives where there are none.
    fn wrong_naming(&self) -> Option<String> {
        let kind = self.from.map_or(Kind::Paths, |from| from.0);
        let given = [
            (!self.exclude.is_empty(), "--exclude"),
            (self.exclude_junk, "--exclude-junk"),
            (self.strip.is_some(), "--strip"),
            (self.prefix.is_some(), "--prefix"),
            (self.duplicates.is_some(), "--duplicates"),
        ];
        let first = given.iter().find(|(given, _)| *given);
        if let (Kind::Stream(_), Some((_, option))) = (kind, first) {
            return Some(format!(
                "{option} is about names, and the records of such a stream have none"
            ));
        }
        self.prefix?;
        match kind {
            Kind::Paths => None,
            Kind::Tar | Kind::Zip => {
                let mut sources = self.sources.iter();
                let is_nameless = |path: &PathBuf| source::archive_name(path).is_none();
                let nameless = self.sources.is_empty() || sources.any(is_nameless);
                nameless.then(|| {
                    "--prefix archive needs archives that have a name, and standard input has none"
                        .to_owned()
                })
            }
            Kind::Files | Kind::List(_) | Kind::Stream(_) | Kind::Rox => {
                Some("--prefix archive goes with archives".to_owned())
            }
        }
    }

    fn input(&self) -> anyhow::Result<Input> {
        let junk = JUNK
            .iter()
            .filter(|_| self.exclude_junk)
            .map(|text| Pattern::new(text.as_ref()));
        let patterns = self.exclude.iter().cloned().map(Ok).chain(junk);
        let patterns: Vec<Pattern> = patterns.collect::<Result<_, _>>()?;
        let naming = Naming {
            exclude: Exclude::new(&patterns).context("--exclude")?,
            strip: self.strip.map_or(0, |strip| strip as usize),
            prefix: match self.prefix {
                Some(Prefix::Archive) => Arc::new(self.sources.iter().cloned().collect()),
                None => Arc::default(),
            },
        };
        Ok(Input {
            kind: self.from.map_or(Kind::Paths, |from| from.0),
            sources: self.sources.clone(),
            links: match self.no_follow {
                true => Links::Skip,
                false => Links::Follow,
            },
            sort: self.sort,
            shuffle: self.shuffle,
            naming,
            duplicates: self.duplicates(),
            drop_empty: self.drop_empty,
        })
    }
}
