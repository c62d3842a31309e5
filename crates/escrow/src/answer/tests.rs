use super::*;
use serde_json::Value;

fn vectors(part: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../../../proto/vectors/trustee-http.json")).unwrap();
    all[part].as_array().unwrap().clone()
}

/// The status and the body, as text.
fn wire(vector: &Value) -> (u16, String) {
    (vector["status"].as_u64().unwrap().try_into().unwrap(), vector["body"].as_str().unwrap().to_owned())
}

#[test]
fn every_answer_of_the_vectors_is_understood_and_said_again() {
    let mut kinds = Vec::new();
    for vector in vectors("good") {
        let (status, body) = wire(&vector);
        let answer = Answer::read(status, body.as_bytes()).unwrap();
        let kind = match &answer {
            Answer::Bundle(bundle) => {
                assert_eq!(bundle, body.as_bytes());
                "bundle"
            }
            Answer::Pending(state) => state.word(),
            Answer::Refused(refused) if refused.is_denial() => "denied",
            Answer::Refused(_) => "refused",
            Answer::Malformed(_) => "malformed",
            Answer::Failed(failed) => failed.failure.name(),
        };
        assert_eq!(kind, vector["kind"], "{body}");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.content_type(), vector["content_type"], "{body}");
        if answer.content_type() == "application/json" {
            let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
            assert_eq!(json(&answer.clone().into_body()), json(body.as_bytes()));
        }
        assert_eq!(Answer::read(status, &answer.clone().into_body()), Ok(answer));
        kinds.push(kind);
    }
    let all = ["bundle", "pending-approval", "waiting", "appending", "denied", "refused", "malformed"];
    let failures = Failure::ALL.iter().map(|failure| failure.name());
    for kind in all.into_iter().chain(failures) {
        assert!(kinds.contains(&kind), "no vector of {kind}");
    }
}

#[test]
fn what_no_trustee_says_is_named_and_never_read_as_nothing() {
    for vector in vectors("bad") {
        let (status, body) = wire(&vector);
        let error = Answer::read(status, body.as_bytes()).unwrap_err().to_string();
        let says = vector["error"].as_str().unwrap();
        assert!(error.contains(&status.to_string()) && error.contains(says), "{body}: {error}");
    }
}

#[test]
fn an_answer_without_end_is_refused_before_it_is_parsed() {
    let bytes = ANSWER_MAX_BYTES + 1;
    for status in [202, 400, 403, 503] {
        let body = "[".repeat(bytes);
        assert_eq!(Answer::read(status, body.as_bytes()), Err(AnswerError::TooLarge { status, bytes }));
    }
}

#[test]
fn foreign_text_cannot_drive_a_terminal() {
    let escape = "\u{1b}[2Jall granted\r\n\u{7}";
    let refused = Refused { text: escape.to_owned(), ..Refused::denied("no") };
    let Ok(Answer::Refused(read)) = Answer::read(403, &json(&refused)) else { panic!("a refusal") };
    assert_eq!(read.text, "[2Jall granted");
    let said = |error: &str| json(&Said { error: error.to_owned(), what_to_do: escape.to_owned() });
    for (status, body) in [(503, said("busy")), (503, said(escape)), (202, json(&[escape]))] {
        let error = Answer::read(status, &body).unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
    let failed = Answer::read(429, &said("busy")).unwrap();
    assert_eq!(failed, Failure::Busy.advise("[2Jall granted").into());
}

/// Every refusal of the gate has names that are words, and is read as it was said.
#[test]
fn every_refusal_of_the_gate_goes_over_the_wire() {
    let gate = Refusal::TABLE.iter().copied();
    let rules = crate::policy::Rule::ALL.iter().map(|rule| ("g7", rule.name()));
    for (step, name) in gate.chain(rules) {
        let answer = Answer::Refused(Refused::new(step, name, "why", "what"));
        assert_eq!(Answer::read(403, &answer.clone().into_body()), Ok(answer));
    }
    for own in [Refused::malformed("x"), Refused::share_bad("x"), Refused::bundle_lost()] {
        let answer = Answer::Refused(own);
        assert_eq!(Answer::read(403, &answer.clone().into_body()), Ok(answer));
    }
}

#[test]
fn a_trustees_url_may_end_in_a_slash() {
    for url in ["http://t.example", "http://t.example/"] {
        assert_eq!(package_url(url), "http://t.example/package");
    }
}
