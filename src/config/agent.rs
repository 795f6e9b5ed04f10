//! Which of a config's agents a check speaks to.

use serde_json::Value;

use super::Key;
use super::change::Edit;

/// The agent that is there without being named.
const MAIN: &str = "main";

/// The agent of the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) id: String,
    /// Where it is set up; none where the config names no agents.
    pub(super) key: Option<Key>,
}

/// `main` where there is one, else the default agent as `resolveDefaultAgentId`
/// finds it: the one marked `default`, else the first.
pub(super) fn of_the_turn(tree: &Value) -> Agent {
    let agents = listed(tree);
    let is_main = |agent: &&Agent| agent.id == MAIN;
    let marked = |agent: &&Agent| {
        let key = agent.key.as_ref();
        key.and_then(|key| key.get(tree)).is_some_and(|agent| agent["default"] == true)
    };
    let chosen = agents.iter().find(is_main).or_else(|| agents.iter().find(marked));
    let main = Agent { id: MAIN.to_owned(), key: None };
    chosen.or(agents.first()).cloned().unwrap_or(main)
}

/// The agents of `agents.list`, and of `agents.entries` as newer releases write it.
fn listed(tree: &Value) -> Vec<Agent> {
    let id = |text: &str| text.trim().to_lowercase();
    let list = Key::matching("agents.list.*", tree)
        .into_iter()
        .filter_map(|key| Some(Agent { id: id(key.get(tree)?["id"].as_str()?), key: Some(key) }));
    let entries = Key::matching("agents.entries.*", tree).into_iter();
    list.chain(entries.map(|key| Agent { id: id(key.last_name()), key: Some(key) })).collect()
}

/// Leaves the agent of the turn alone in the config.
pub(super) fn keep_one(edit: &mut Edit) {
    let agent = of_the_turn(edit.tree());
    let why = format!("the check speaks to the agent {} only", agent.id);
    for key in Key::matching("agents.entries.*", edit.tree()) {
        if agent.key.as_ref() != Some(&key) {
            edit.remove(&key, &why);
        }
    }
    let list = Key::of("agents.list");
    let Some(agents) = list.get(edit.tree()).and_then(Value::as_array) else { return };
    let is_kept = |index| agent.key == Some(list.index(index));
    let kept: Value = agents
        .iter()
        .enumerate()
        .filter(|(index, _)| is_kept(*index))
        .map(|(_, agent)| agent.clone())
        .collect();
    edit.set(&list, kept, &why);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn main_is_asked_and_the_default_agent_where_there_is_no_main() {
        for (agents, id, key) in [
            (json!({}), "main", None),
            (json!({"list": []}), "main", None),
            (
                json!({"list": [{"id": "work", "default": true}, {"id": "Main "}]}),
                "main",
                Some("agents.list[1]"),
            ),
            (
                json!({"list": [{"id": "a"}, {"id": "b", "default": true}]}),
                "b",
                Some("agents.list[1]"),
            ),
            (json!({"list": [{"id": "a"}, {"id": "b"}]}), "a", Some("agents.list[0]")),
            (json!({"entries": {"a": {}, "b": {"default": true}}}), "b", Some("agents.entries.b")),
        ] {
            let agent = of_the_turn(&json!({"agents": agents}));
            assert_eq!(
                (agent.id.as_str(), agent.key.map(|key| key.to_string()).as_deref()),
                (id, key)
            );
        }
    }
}
