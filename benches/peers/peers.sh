# Sourced: the peers, and how one is built.
#
# aliri-tower and axum-jwt-auth have not been built and checked yet; name them in PEERS to try.
PEERS=${PEERS-"none ours from-fn tower-oauth2-resource-server axum-jwks jwt-authorizer jwt-verify"}

build() { cargo build --quiet --locked --release -p "peer-$1"; }
