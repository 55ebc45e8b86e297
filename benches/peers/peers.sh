# Sourced: the peers, and how one is built.
PEERS=${PEERS-"none ours from-fn tower-oauth2-resource-server axum-jwks jwt-authorizer jwt-verify aliri-tower axum-jwt-auth"}

build() { cargo build --quiet --locked --release -p "peer-$1"; }
