//! Who pays for a candidate's turns: told beside the verdict, which it does not change.

use serde_json::json;

use crate::agent;
use crate::machine::Machine;

#[test]
fn a_check_tells_of_turns_that_would_be_billed_to_a_key_and_stays_good() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::bills("key")]);
    let run = machine.run("check 2026.6.1").exits(0);
    let told = "bill  its turns go to api.openai.com with an API key, which is metered, and the \
                route is that of a ChatGPT login";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    let (run, value) = machine.run_json("check 2026.6.1");
    run.exits(0);
    let billing =
        json!({ "from": null, "to": { "host": "api.openai.com", "credential": "api-key" } });
    assert_eq!(value["routes"][0]["billing"], billing);
    let (run, value) = machine.run_json("check 2026.5.18");
    run.exits(0);
    assert!(value["routes"][0].get("billing").is_none());
}

#[test]
fn a_bisection_holds_each_candidate_against_the_good_end() {
    for (billed, host, credential) in
        [("key", "api.openai.com", "api-key"), ("elsewhere", "127.0.0.1", "chatgpt-token")]
    {
        let machine = Machine::new();
        machine.registry.script("2026.6.1", [agent::bills(billed)]);
        // Both ends answer, as without the move.
        let run = machine.run("bisect 2026.5.18 2026.6.1").exits(4);
        let told = format!("bill  2026.6.1: its turns go to {host} with ");
        assert!(run.stdout.contains(&told), "{}", run.stdout);
        assert!(run.stdout.contains("instead of chatgpt.com with the ChatGPT login"));
        let (run, value) = machine.run_json("bisect 2026.5.18 2026.6.1");
        run.exits(4);
        let moved = json!([{
            "core": "2026.6.1",
            "from": { "host": "chatgpt.com", "credential": "chatgpt-token" },
            "to": { "host": host, "credential": credential },
        }]);
        assert_eq!(value["billing"], moved);
    }
}

#[test]
fn a_move_is_told_of_beside_the_release_that_was_found() {
    let machine = Machine::new();
    machine.registry.script("2026.5.19", [agent::bills("key")]);
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    let run = machine.run("bisect 2026.5.18 2026.6.1").exits(0);
    assert!(run.stdout.contains("2026.6.1 is the first bad release"), "{}", run.stdout);
    let bills: Vec<_> = run.stdout.lines().filter(|line| line.starts_with("bill ")).collect();
    assert!(bills.len() == 1 && bills[0].starts_with("bill  2026.5.19: "), "{bills:?}");
}
