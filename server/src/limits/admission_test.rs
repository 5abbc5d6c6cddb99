//! Admission of connections, WebSockets, rooms and greetings, directly and behind proxies.

use std::net::Ipv4Addr;

use super::*;
use crate::limits::bucket::Rate;
use crate::limits::forwarded::AddressHeader;

const CLIENT: Peer = Peer::Tcp(IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9)));
const OTHER_CLIENT: Peer = Peer::Tcp(IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)));
const PROXY: Peer = Peer::Tcp(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));

fn address_limits() -> AddressLimits {
    AddressLimits {
        connections_max: 2,
        connects: Rate::per_minute(6, 3),
        rooms: Rate::per_minute(4, 1),
        greetings: Rate::per_second(10, 100),
    }
}

/// Returns an admission with 3 connections, 2 rooms, [`address_limits`] and the trusted network
/// 10.0.0.0/8, and its counters.
fn admission() -> (Arc<Admission>, Arc<LimitCounters>) {
    let limits =
        AdmissionLimits { connections_max: 3, rooms_max: 2, address: Some(address_limits()) };
    let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()], AddressHeader::default());
    let counters = Arc::new(LimitCounters::default());
    (Arc::new(Admission::new(limits, proxies, Arc::clone(&counters), true)), counters)
}

fn forwarded_for(address: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", address.parse().unwrap());
    headers
}

#[tokio::test(start_paused = true)]
async fn connections_count_until_their_permits_are_dropped() {
    let (admission, _) = admission();
    let peers = [CLIENT, OTHER_CLIENT, Peer::Unix];
    let mut permits: Vec<_> = peers.iter().map(|peer| admission.admit(*peer).unwrap()).collect();
    assert_eq!(admission.connections(), 3);
    assert_eq!(admission.admit(Peer::Unix).unwrap_err(), AdmissionError::Connections);
    assert_eq!(admission.connections(), 3, "a refused connection does not count");
    permits.pop();
    assert_eq!(admission.connections(), 2);
    admission.admit(Peer::Unix).unwrap();
}

#[tokio::test(start_paused = true)]
async fn connections_and_new_connections_of_an_address_are_limited() {
    let (admission, _) = admission();
    let first = admission.admit(CLIENT).unwrap();
    assert_eq!(first.address(), Some(AddressKey::from(CLIENT)));
    let _second = admission.admit(CLIENT).unwrap();
    assert_eq!(admission.admit(CLIENT).unwrap_err(), AdmissionError::AddressConnections);
    drop(first);
    drop(admission.admit(CLIENT).unwrap());
    // The burst of three is used up. One connection more is allowed every ten seconds.
    tokio::time::advance(Duration::from_millis(500)).await;
    let denial = admission.admit(CLIENT).unwrap_err();
    assert_eq!(denial, AdmissionError::AddressConnects { retry_after_seconds: 10 });
    admission.admit(OTHER_CLIENT).unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    admission.admit(CLIENT).unwrap();
}

#[tokio::test(start_paused = true)]
async fn socket_behind_a_proxy_counts_for_the_client_that_the_proxy_names() {
    let (admission, counters) = admission();
    let connection = admission.admit(PROXY).unwrap();
    assert_eq!(connection.address(), None);
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let headers = forwarded_for("9.9.9.9");
        sockets.push(admission.admit_socket(PROXY, &headers, &connection).unwrap());
    }
    assert_eq!(sockets[0].address(), Some(AddressKey::from(CLIENT)));
    let refused = admission.admit_socket(PROXY, &forwarded_for("9.9.9.9"), &connection);
    assert_eq!(refused.unwrap_err(), AdmissionError::AddressConnections);
    assert_eq!(counters.of(LimitKind::AddressConnections), 1);
    admission.admit_socket(PROXY, &forwarded_for("8.8.8.8"), &connection).unwrap();
    // A socket is a part of the proxy's connection.
    assert_eq!(admission.connections(), 1);
    drop(sockets);
    assert_eq!(admission.connections(), 1);
    admission.admit_socket(PROXY, &forwarded_for("9.9.9.9"), &connection).unwrap();
}

#[tokio::test(start_paused = true)]
async fn socket_without_a_trusted_proxy_counts_once_for_its_peer() {
    let (admission, _) = admission();
    let connection = admission.admit(CLIENT).unwrap();
    for _ in 0..5 {
        let headers = forwarded_for("8.8.8.8");
        let socket = admission.admit_socket(CLIENT, &headers, &connection).unwrap();
        assert!(Arc::ptr_eq(&socket, &connection));
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_a_proxy_does_not_name_share_one_address() {
    let (admission, _) = admission();
    let connection = admission.admit(Peer::Unix).unwrap();
    let socket = admission.admit_socket(Peer::Unix, &HeaderMap::new(), &connection).unwrap();
    assert_eq!(socket.address(), Some(AddressKey::Unnamed));
}

#[tokio::test(start_paused = true)]
async fn rooms_in_memory_and_new_rooms_of_an_address_are_limited() {
    let (admission, counters) = admission();
    let permit = admission.admit(CLIENT).unwrap();
    assert_eq!(admission.admit_room(&permit, 2), Err(AdmissionError::Rooms));
    assert_eq!(admission.admit_room(&permit, 1), Ok(()));
    let denial = AdmissionError::AddressRooms { retry_after_seconds: 15 };
    assert_eq!(admission.admit_room(&permit, 1), Err(denial));
    assert_eq!((counters.of(LimitKind::Rooms), counters.of(LimitKind::AddressRooms)), (1, 1));
    let without_address = admission.admit(Peer::Unix).unwrap();
    for _ in 0..3 {
        assert_eq!(admission.admit_room(&without_address, 1), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn long_greetings_of_an_address_are_limited_and_refusals_counted() {
    let (admission, counters) = admission();
    let permit = admission.admit(CLIENT).unwrap();
    assert!(permit.may_be_greeted() && permit.take_greeting(100));
    assert!(!permit.may_be_greeted() && !permit.take_greeting(1));
    assert_eq!(counters.of(LimitKind::AddressGreetings), 2);
    let without_address = admission.admit(Peer::Unix).unwrap();
    assert!(without_address.take_greeting(1000) && without_address.may_be_greeted());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(permit.may_be_greeted());
}

#[tokio::test(start_paused = true)]
async fn without_address_limits_addresses_do_not_count() {
    let limits = AdmissionLimits { connections_max: 1000, rooms_max: 1, address: None };
    let counters = Arc::new(LimitCounters::default());
    let admission = Arc::new(Admission::new(limits, Proxies::default(), counters, false));
    let permits: Vec<_> = (0..100).map(|_| admission.admit(CLIENT).unwrap()).collect();
    assert_eq!((permits[0].address(), admission.remembered()), (None, 0));
    let socket = admission.admit_socket(Peer::Unix, &forwarded_for("9.9.9.9"), &permits[0]);
    assert!(Arc::ptr_eq(&socket.unwrap(), &permits[0]));
}

#[tokio::test(start_paused = true)]
async fn addresses_are_removed_from_the_table_after_their_limits_have_recovered() {
    let (admission, _) = admission();
    for peer in [CLIENT, OTHER_CLIENT] {
        admission.admit(peer).unwrap();
    }
    assert_eq!(admission.remembered(), 2);
    let cleaned = Arc::clone(&admission);
    let cleaning = tokio::spawn(async move { cleaned.expire_regularly().await });
    tokio::time::sleep(2 * EXPIRE_EVERY).await;
    assert_eq!(admission.remembered(), 0);
    cleaning.abort();
}

#[tokio::test(start_paused = true)]
async fn refusals_timeouts_and_forged_headers_are_counted() {
    let (admission, counters) = admission();
    admission.record_refusal(CLIENT, AdmissionError::Connections);
    assert_eq!(counters.of(LimitKind::Connections), 1);
    admission.record_request_timeout();
    assert_eq!(counters.of(LimitKind::RequestTime), 1);
    for (peer, headers) in [
        (PROXY, forwarded_for("9.9.9.9")),
        (CLIENT, HeaderMap::new()),
        (CLIENT, forwarded_for("8.8.8.8")),
    ] {
        admission.inspect_forwarding(peer, &headers);
    }
    assert_eq!(counters.of(LimitKind::ForgedAddress), 1, "only a client's own header is forged");
}

#[tokio::test(start_paused = true)]
async fn address_is_logged_only_if_the_setting_says_so() {
    let headers = forwarded_for("8.8.8.8");
    let (admission, counters) = admission();
    assert_eq!(admission.address_for_log(PROXY, &headers), Some([8, 8, 8, 8].into()));
    assert_eq!(admission.address_for_log(CLIENT, &headers), Some([9, 9, 9, 9].into()));
    let silent = Admission::new(admission.limits, Proxies::default(), counters, false);
    assert_eq!(silent.address_for_log(CLIENT, &headers), None);
}
