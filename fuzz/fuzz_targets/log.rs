//! Whatever a release prints: reading it as a log, judging by it and masking it
//! must come to an end without a panic, and say the same however it was cut.

#![no_main]

use std::sync::LazyLock;

use codexpin::catalogue::Catalogue;
use codexpin::diagnose::Scan;
use codexpin::observation::Observation;
use codexpin::transcript::LogClock;
use codexpin::{redact, verdict};
use libfuzzer_sys::fuzz_target;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);
/// A turn that was answered by nobody; what is printed is put into it.
const TURN: &str = include_str!("turn.json");

fuzz_target!(|bytes: &[u8]| {
    let (cut, log) =
        bytes.split_first().map_or((1, bytes), |(cut, log)| (usize::from(*cut) + 1, log));
    let found = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut scan = Scan::new(&CATALOGUE, LogClock::default(), None);
        pieces.for_each(|piece| scan.feed(piece));
        let diagnosis = scan.end();
        let ids =
            diagnosis.findings.iter().map(|finding| (finding.signature.id.clone(), finding.count));
        (ids.collect::<Vec<_>>(), diagnosis.lines)
    };
    assert_eq!(found(&mut std::iter::once(log)), found(&mut log.chunks(cut)));

    let text = String::from_utf8_lossy(log);
    let masked = redact::line(&text).into_owned();
    assert_eq!(redact::line(&masked), masked, "masked twice is masked once");

    let mut observation: Observation = serde_json::from_str(TURN).expect("the turn is one");
    let (stdout, stderr) = text.split_at(text.floor_char_boundary(cut));
    observation.stdout = stdout.to_owned();
    observation.stderr = stderr.to_owned();
    verdict::judge(&observation, &CATALOGUE);
});
