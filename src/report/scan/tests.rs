use super::super::paint::unpainted;
use super::*;

fn releases(text: &str) -> Vec<ScannedRelease> {
    let word = |letter| match letter {
        '+' | '~' => HistoryWord::Answers,
        '?' => HistoryWord::NotJudged,
        '.' => HistoryWord::NotAsked,
        other => HistoryWord::Fails { failure: format!("failure-{other}"), left_out: false },
    };
    let release = |(at, letter)| ScannedRelease {
        core: format!("2026.5.{}", at + 1).parse().unwrap(),
        word: word(letter),
        flakes: letter == '~',
    };
    text.chars().enumerate().map(release).collect()
}

#[test]
fn a_line_is_a_strip_of_one_character_a_release_with_its_legend() {
    let strip = Strip::of(&releases("+++~?xx.yyx+"));
    insta::assert_snapshot!(unpainted(&strip.to_string()), @r"
    2026.5.1          +++~?AA.BBA+ 2026.5.12

      + answers (4)
      A failure-x (3)
      B failure-y (2)
      ~ answers now and then (1)
      ? could not be judged (1)
      . not asked (1)
    ");
}

#[test]
fn a_long_line_is_told_in_rows_that_fit_80_columns() {
    let strip = Strip::of(&releases(&"+".repeat(95))).to_string();
    let rows: Vec<_> = strip.lines().map(unpainted).take_while(|row| !row.is_empty()).collect();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.len() <= 80), "{rows:#?}");
    assert!(rows[1].starts_with("2026.5.41 ") && rows[1].ends_with(" 2026.5.80"), "{rows:#?}");
}

#[test]
fn a_headline_counts_what_there_is_and_nothing_else() {
    assert_eq!(headline(&releases("++x")), "2 of 3 releases answer, 1 does not");
    let all = "1 of 4 releases answer, 1 does not, 1 could not be judged, 1 not asked";
    assert_eq!(headline(&releases("+x?.")), all);
}

#[test]
fn a_boundary_with_gaps_says_so() {
    let boundary = |kind, between| HistoryBoundary {
        kind,
        before: "2026.5.1".parse().unwrap(),
        after: "2026.5.4".parse().unwrap(),
        between,
    };
    let breaks = BoundaryKind::Breaks { failure: "unknown-model".to_owned() };
    assert_eq!(
        boundary_line(&boundary(breaks, 2)),
        "breaks   after 2026.5.1, in 2026.5.4 at the latest (2 between not known)"
    );
    let mended = boundary_line(&boundary(BoundaryKind::Mended, 0));
    assert_eq!(mended, "mended   in 2026.5.4, after 2026.5.1");
}
