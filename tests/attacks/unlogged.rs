//! No key without a leaf: a request that is not in a witnessed head gets nothing, however well it
//! is signed.

use requester::collect::Answer;
use requester::request::Kind;
use world::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_without_a_leaf_is_refused_by_every_trustee_until_it_is_logged() {
    let stage = Stage::set(1).await;
    let filmed = stage.filmed(1).await;
    let requester = &stage.cast.people.requester;
    for (name, kind) in [("emergency", Kind::Emergency), ("legal", Kind::Legal)] {
        let folder = stage.drafted(name, &stage.ask(0, kind, filmed)).await;
        let answers = requester::collect::ask_once(requester, &folder).await.unwrap();
        assert_eq!(answers.len(), 5);
        for (trustee, answer) in &answers {
            assert!(
                matches!(answer, Answer::Refused(no) if (no.step.as_str(), no.name.as_str()) == ("g2", "not-logged")),
                "{trustee}: {answer:?}"
            );
        }
    }
    stage.strike().await;
}
