//! Selections and views of records, compared with Python's rules by trying each number.

use super::choices::Choices;
use roxfs::order::{Order, Selection, Spec, Union};
use std::collections::BTreeSet;

/// Selections from texts, each by itself and several together.
pub fn selections(choices: &mut Choices) {
    let len = choices.below(12) as u64;
    let mut selections = Vec::new();
    for _ in 0..1 + choices.below(3) {
        let part = |choices: &mut Choices| match choices.below(4) {
            0 => String::new(),
            1 => choices.field().to_string(),
            _ => (choices.below(30) as i64 - 15).to_string(),
        };
        let text = match choices.below(4) {
            0 => part(choices),
            1 => format!("{}:{}", part(choices), part(choices)),
            2 => format!("{}:{}:{}", part(choices), part(choices), part(choices)),
            _ => String::from_utf8_lossy(choices.bytes(6)).into_owned(),
        };
        let Ok(selection) = text.parse::<Selection>() else {
            continue;
        };
        if let Ok(positions) = selection.positions(len) {
            let found: Vec<u64> = positions.iter().collect();
            assert!(found.iter().all(|&position| position < len));
            assert_eq!(found, by_trying(selection, len), "{text} of {len}");
            selections.push(selection);
        }
    }
    if selections.is_empty() {
        return;
    }
    let union: Vec<u64> = Union::new(&selections, len).unwrap().collect();
    let mut seen = BTreeSet::new();
    let all = selections
        .iter()
        .flat_map(|selection| by_trying(*selection, len));
    let expected: Vec<u64> = all.filter(|&position| seen.insert(position)).collect();
    assert_eq!(union, expected);
}

/// Specifications of views, from words and from any bytes.
pub fn views(choices: &mut Choices) {
    let len = choices.below(40) as u64;
    let mut words = Vec::new();
    for _ in 0..choices.below(10) {
        let number = choices.below(30) as i64 - 15;
        words.push(match choices.below(6) {
            0 => format!("slice={number}:{}", choices.field()),
            1 => format!("slice=:{}:{number}", choices.below(9)),
            2 => format!("split={}of{}", number, choices.below(9)),
            3 => format!("shuffle={}", choices.field()),
            4 => "names".to_owned(),
            _ => String::from_utf8_lossy(choices.bytes(9)).into_owned(),
        });
    }
    let text = words.join(",");
    let Ok(spec) = text.parse::<Spec>() else {
        return;
    };
    assert_eq!(spec.to_string(), text);
    let view = spec.of(len);
    let found: Vec<u64> = (0..=len).map_while(|at| view.record_at(at)).collect();
    assert_eq!(found.len() as u64, view.len());
    for record in 0..=len {
        let place = found.iter().position(|&other| other == record);
        assert_eq!(view.position_of(record), place.map(|place| place as u64));
    }
}

fn by_trying(selection: Selection, len: u64) -> Vec<u64> {
    let len = i128::from(len);
    let (start, stop, step) = match selection {
        Selection::Index(index) => {
            let index = i128::from(index);
            return vec![if index < 0 { index + len } else { index } as u64];
        }
        Selection::Slice(slice) => (slice.start, slice.stop, i128::from(slice.step)),
    };
    let clamp = |bound: Option<i64>, default: i128| match bound.map(i128::from) {
        None => default,
        Some(bound) => {
            let bound = if bound < 0 { bound + len } else { bound };
            match step > 0 {
                true => bound.clamp(0, len),
                false => bound.clamp(-1, len - 1),
            }
        }
    };
    let (first, last) = match step > 0 {
        true => (clamp(start, 0), clamp(stop, len)),
        false => (clamp(start, len - 1), clamp(stop, -1)),
    };
    let mut taken = Vec::new();
    let mut at = first;
    while if step > 0 { at < last } else { at > last } {
        taken.push(at as u64);
        at += step;
    }
    taken
}
