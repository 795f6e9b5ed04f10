//! How often a search is right and how many checks it takes, on lines that are made up.
//!
//!     cargo run --release --example simulate [RUNS]
//!
//! Every cell is so many runs (2,000 unless given) with the same made-up chance each time.
//! `docs/search.md` has the table as it is printed.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::time::Instant;

use codexpin::search::{
    AnswerKind, Ask, FailureKey, Next, Outcome, Pinning, Reading, SearchPlan, Strategy,
};

/// A line, and what goes wrong with its answers.
#[derive(Clone, Copy)]
struct Case {
    length: usize,
    /// How often a good candidate fails by itself.
    false_fails: f64,
    /// How often a bad candidate passes.
    false_passes: f64,
    /// How many of the candidates between the ends cannot be judged.
    untestable: f64,
    boundary: Boundary,
}

#[derive(Clone, Copy, PartialEq)]
enum Boundary {
    /// Somewhere between the ends.
    One,
    /// Nothing is bad.
    None,
    /// It breaks, is mended, and breaks again.
    Two,
}

/// One line, as it is in truth.
struct Line {
    is_bad: Vec<bool>,
    is_untestable: Vec<bool>,
}

/// What became of the runs of a case.
#[derive(Default)]
struct Score {
    checks: usize,
    right: usize,
    blamed: usize,
    pins: usize,
    bad_pins: usize,
}

/// Numbers that look like chance, the same in every run of this program.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let thrown = (self.0 >> 11) as f64 / (1u64 << 53) as f64;
        thrown
    }

    fn below(&mut self, limit: usize) -> usize {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the limit"
        )]
        let number = (self.throw() * limit as f64) as usize;
        number
    }
}

impl Case {
    fn plain(length: usize, false_fails: f64) -> Self {
        let boundary = Boundary::One;
        Self { length, false_fails, false_passes: 0.0, untestable: 0.0, boundary }
    }

    fn line(&self, dice: &mut Dice) -> Line {
        let last = self.length - 1;
        let mut cuts = match self.boundary {
            Boundary::None => vec![],
            Boundary::One => vec![1 + dice.below(last)],
            // Broken, mended, broken: each lasts for one candidate at least.
            Boundary::Two => {
                let mut cuts = Vec::new();
                while cuts.len() < 3 {
                    let cut = 1 + dice.below(last);
                    if !cuts.contains(&cut) {
                        cuts.push(cut);
                    }
                }
                cuts
            }
        };
        cuts.sort_unstable();
        let is_bad = |place: usize| cuts.iter().filter(|cut| **cut <= place).count() % 2 == 1;
        let mut is_untestable =
            |place: usize| place != 0 && place != last && dice.throw() < self.untestable;
        Line {
            is_bad: (0..self.length).map(is_bad).collect(),
            is_untestable: (0..self.length).map(&mut is_untestable).collect(),
        }
    }

    fn answer(&self, line: &Line, ask: &Ask, dice: &mut Dice) -> Reading {
        if line.is_untestable[ask.place] {
            return Reading::Skip;
        }
        let is_bad = line.is_bad[ask.place];
        let is_false = dice.throw() < if is_bad { self.false_passes } else { self.false_fails };
        match (is_bad, is_false) {
            (true, false) => Reading::Bad(FailureKey("broken".to_owned())),
            // A time-out looks different from what the release broke.
            (false, true) => Reading::Bad(FailureKey("flake".to_owned())),
            _ => Reading::Good,
        }
    }

    fn score(&self, plan: SearchPlan, runs: usize) -> Score {
        let (mut dice, mut score) = (Dice(0x2026_0501), Score::default());
        for _ in 0..runs {
            let line = self.line(&mut dice);
            let mut search = plan.strategy(self.length, false, false);
            let outcome = loop {
                match search.next(&[]) {
                    Next::Done(outcome) => break outcome,
                    Next::Ask(ask) => {
                        let reading = self.answer(&line, &ask, &mut dice);
                        search.learn(&ask, reading);
                        score.checks += 1;
                    }
                    Next::Wait | Next::Pause(_) => unreachable!("nothing runs, nothing is shared"),
                }
            };
            score.right += usize::from(line.is_right(&outcome));
            let is_blamed = matches!(outcome, Outcome::Found { .. } | Outcome::Range { .. });
            score.blamed += usize::from(is_blamed && self.boundary == Boundary::None);
            if let Some(good) = outcome.last_good() {
                let is_pinned = self.is_pinned(search.as_mut(), good, &line, &mut dice);
                score.pins += usize::from(is_pinned);
                score.bad_pins += usize::from(is_pinned && line.is_bad[good]);
            }
        }
        score
    }

    /// The checks before a pin, which are not counted among those of the search.
    fn is_pinned(
        &self,
        search: &mut dyn Strategy,
        place: usize,
        line: &Line,
        dice: &mut Dice,
    ) -> bool {
        loop {
            match search.pinning(place) {
                Pinning::Ready => return true,
                Pinning::Refused => return false,
                Pinning::After(ask) => {
                    let reading = self.answer(line, &ask, dice);
                    search.learn(&ask, reading);
                }
            }
        }
    }
}

impl Line {
    /// Whether an outcome is the truth: a boundary with nothing judgeable between its two
    /// sides, or that there is none.
    fn is_right(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Found { last_good, first_bad } | Outcome::Range { last_good, first_bad } => {
                let between = &self.is_untestable[last_good + 1..*first_bad];
                !self.is_bad[*last_good] && self.is_bad[*first_bad] && between.iter().all(|s| *s)
            }
            Outcome::NoRegression => !self.is_bad.contains(&true),
            _ => false,
        }
    }
}

const DETERMINISTIC: SearchPlan =
    SearchPlan { same_failure: false, answers: AnswerKind::Deterministic, seeks_good_end: false };

fn flaky(confidence: f64) -> SearchPlan {
    let answers = AnswerKind::Flaky { confidence, repeat: 2 };
    SearchPlan { answers, ..DETERMINISTIC }
}

fn main() {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(2000);
    let plans = [flaky(0.95), flaky(0.99), DETERMINISTIC];
    println!("{runs} runs a cell: checks / right answers\n");
    println!("| case | releases | confidence 95 % | 99 %, the default | deterministic |");
    println!("|---|---|---|---|---|");
    for (name, case) in cases() {
        let cells = plans.map(|plan| cell(&case, plan, runs));
        println!("| {name} | {} | {} |", case.length, cells.join(" | "));
    }
    println!("\nWithout a regression: checks / an innocent release is blamed\n");
    println!("| good ones fail | releases | confidence 95 % | 99 %, the default | deterministic |");
    println!("|---|---|---|---|---|");
    for (length, fails) in [(10, 0.05), (10, 0.2), (30, 0.05), (30, 0.2)] {
        let case = Case { boundary: Boundary::None, ..Case::plain(length, fails) };
        let cells = plans.map(|plan| {
            let score = case.score(plan, runs);
            format!("{:.1} / {}", share(score.checks, runs), percent(score.blamed, runs))
        });
        println!("| {} | {length} | {} |", percent_of(fails), cells.join(" | "));
    }
    println!("\nPins where a bad release passes one time in five: written / of a bad release\n");
    println!("| releases | confidence 95 % | 99 %, the default |\n|---|---|---|");
    for length in [10, 30] {
        let case = Case { false_passes: 0.2, ..Case::plain(length, 0.05) };
        let cells = [plans[0], plans[1]].map(|plan| {
            let score = case.score(plan, runs);
            format!("{} / {}", percent(score.pins, runs), percent(score.bad_pins, runs))
        });
        println!("| {length} | {} |", cells.join(" | "));
    }
    let long = Case::plain(10_000, 0.05);
    let begun = Instant::now();
    let few = runs.div_ceil(100);
    let score = long.score(flaky(0.99), few);
    let checks = share(score.checks, few);
    println!(
        "\n10,000 releases, good ones failing 5 %: {checks:.1} checks, {} right,",
        percent(score.right, few)
    );
    #[expect(clippy::cast_precision_loss, reason = "some hundred checks")]
    let each = begun.elapsed().as_secs_f64() * 1000.0 / score.checks as f64;
    println!("{each:.1} ms of thinking a check");
}

fn cases() -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for length in [10, 30, 130] {
        for fails in [0.0, 0.05, 0.2] {
            let name = format!("good ones fail {}", percent_of(fails));
            cases.push((name, Case::plain(length, fails)));
        }
    }
    for length in [10, 30, 130] {
        let both = Case { false_passes: 0.05, ..Case::plain(length, 0.05) };
        cases.push(("both sides flip 5 %".to_owned(), both));
    }
    for length in [10, 30, 130] {
        let gaps = Case { untestable: 0.3, ..Case::plain(length, 0.05) };
        cases.push(("30 % untestable, good ones fail 5 %".to_owned(), gaps));
    }
    for length in [10, 30] {
        let none = Case { boundary: Boundary::None, ..Case::plain(length, 0.05) };
        cases.push(("no regression, good ones fail 5 %".to_owned(), none));
        let none = Case { boundary: Boundary::None, ..Case::plain(length, 0.2) };
        cases.push(("no regression, good ones fail 20 %".to_owned(), none));
    }
    let two = Case { boundary: Boundary::Two, ..Case::plain(30, 0.0) };
    cases.push(("two boundaries".to_owned(), two));
    let two = Case { boundary: Boundary::Two, ..Case::plain(30, 0.05) };
    cases.push(("two boundaries, good ones fail 5 %".to_owned(), two));
    cases
}

fn cell(case: &Case, plan: SearchPlan, runs: usize) -> String {
    let score = case.score(plan, runs);
    format!("{:.1} / {}", share(score.checks, runs), percent(score.right, runs))
}

#[expect(clippy::cast_precision_loss, reason = "some thousand runs")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.1} %", share(part, whole) * 100.0)
}

fn percent_of(chance: f64) -> String {
    format!("{:.0} %", chance * 100.0)
}
