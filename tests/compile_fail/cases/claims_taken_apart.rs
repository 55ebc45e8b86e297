//! Claims are read through methods; they have no fields to match.
use tower_cognito::Claims;

async fn handler(Claims { subject, .. }: Claims) -> Option<String> {
    subject
}

async fn another(claims: Claims) -> Option<String> {
    claims.subject.map(str::to_owned)
}

fn main() {}
