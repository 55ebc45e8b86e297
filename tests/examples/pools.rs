use tower_cognito::testing::{Endpoint, LocalIssuer};

use crate::{
    get,
    multi_pool::{app, issuer, verifier},
};

#[tokio::test]
async fn a_token_is_verified_by_the_pool_that_it_names_and_by_no_other() {
    let staff = issuer("eu-west-1_Staff0001", "back-office").unwrap();
    let partners = issuer("us-east-1_Partner01", "acme").unwrap();
    let app = app(&verifier(staff.user_pool(), partners.user_pool()).unwrap());
    let of = |issuer: &LocalIssuer, client_id| issuer.token().client_credentials(client_id);
    let rejected = (401, String::new());

    // Only the keys of the pool that a token names are fetched, when the first token names it.
    let back_office = (200, format!("back-office of {}\n", staff.issuer()));
    assert_eq!(
        get(&app, "/", Some(of(&staff, "back-office"))).await,
        back_office
    );
    assert_eq!(partners.requests(Endpoint::Jwks), 0);
    let acme = (200, format!("acme of {}\n", partners.issuer()));
    assert_eq!(get(&app, "/", Some(of(&partners, "acme"))).await, acme);
    assert_eq!(partners.requests(Endpoint::Jwks), 1);

    let with_slash = format!("{}/", staff.issuer());
    let third = issuer("eu-west-1_Third0001", "back-office").unwrap();
    for token in [
        // A client of one pool is unknown to the other.
        of(&partners, "back-office"),
        of(&staff, "acme"),
        // One pool cannot sign for the other.
        of(&partners, "back-office").claim("iss", staff.issuer()),
        // An issuer that is almost right is wrong.
        of(&staff, "back-office").claim("iss", with_slash),
        of(&third, "back-office"),
    ] {
        assert_eq!(get(&app, "/", Some(token)).await, rejected);
    }
}
