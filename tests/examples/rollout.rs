use std::collections::BTreeMap;

use tower_cognito::testing::TestPool;

use crate::{
    get,
    report_only_rollout::{Reasons, app},
};

#[tokio::test]
async fn reasons_are_counted_before_and_after_rejections_begin() {
    let pool = TestPool::new();
    let layer = pool.verifier().layer();
    let good = || Some(pool.token().scopes(["orders/get"]));
    let served = async |app: &axum::Router| {
        let callers = [
            good(),
            None,
            Some(pool.token()),
            Some(pool.token().expired()),
        ];
        let mut statuses = Vec::new();
        for token in callers {
            statuses.push(get(app, "/orders", token).await.0);
        }
        statuses
    };
    let counted = BTreeMap::from([
        ("accepted", 1),
        ("expired", 1),
        ("insufficient_scope", 1),
        ("missing_token", 1),
    ]);

    let reasons = Reasons::default();
    let reporting = app(layer.clone().report_only(), &reasons).unwrap();
    assert_eq!(served(&reporting).await, [200, 200, 200, 200]);
    assert_eq!(*reasons.lock().unwrap(), counted);

    let reasons = Reasons::default();
    let enforcing = app(layer, &reasons).unwrap();
    assert_eq!(served(&enforcing).await, [200, 401, 403, 401]);
    assert_eq!(*reasons.lock().unwrap(), counted);
    let (_, shown) = get(&enforcing, "/reasons", None).await;
    assert!(shown.contains(r#""missing_token":1"#), "{shown}");
}
