//! Group 2 of the suite, and RFC 6455 section 5.5: pings and pongs.

use super::*;

pub(super) fn cases() -> Vec<Case> {
    let ping = |payload: &[u8]| frame(PING, payload);
    let normal = || close(1000, b"");
    let binary: &[u8] = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    let unsolicited = || frame(PONG, b"unsolicited pong payload");
    let mut cases = vec![
        case("2.1 an empty ping", &[ping(b"")]).pongs(b""),
        case("2.2 a ping with a text", &[ping(b"Hello, world!")]).pongs(b"Hello, world!"),
        case("2.3 a ping that is no UTF-8", &[ping(binary)]).pongs(binary),
        case("2.4 a ping of 125 bytes", &[ping(&[0xfe; 125])]).pongs(&[0xfe; 125]),
        case("2.5 a ping of 126 bytes", &[ping(&[0xfe; 126])]).refused(1002),
        case("2.6 a ping of 125 bytes, one at a time", &[ping(&[0xfe; 125])])
            .pongs(&[0xfe; 125])
            .chopped(1),
        case("2.7 an unsolicited pong, then a close", &[frame(PONG, b""), normal()]).answered(1000),
        case("2.8 the same with a payload", &[unsolicited(), normal()]).answered(1000),
        case("2.9 an unsolicited pong, then a ping", &[unsolicited(), ping(b"ping payload")])
            .pongs(b"ping payload"),
    ];
    let payloads: Vec<_> = (0..10).map(|number| format!("payload-{number}").into_bytes()).collect();
    let pings: Vec<_> = payloads.iter().map(|payload| ping(payload)).collect();
    let ten = |name: &str| payloads.iter().fold(case(name, &pings), |case, sent| case.pongs(sent));
    cases.push(ten("2.10 ten pings"));
    cases.push(ten("2.11 ten pings, one byte at a time").chopped(1));
    cases
}

#[tokio::test]
async fn pings_are_answered_and_pongs_are_not() {
    let mut table = Table::with(&[]).await;
    table.run(cases()).await;
    let bytes: Vec<u8> = (0x80..=0xff).cycle().take(125).collect();
    table
        .run([
            case("a ping of 125 other bytes", &[frame(PING, &bytes)]).pongs(&bytes),
            case("a pong of 125 bytes", &[frame(PONG, &bytes)]),
            case("a pong of 126 bytes", &[frame(PONG, &[0; 126])]).refused(1002),
            case("a ping of 65,536 bytes", &[frame(PING, &vec![0; 65_536])]).refused(1002),
            case(
                "a ping that claims an exabyte",
                &[[&[PING, 0xff][..], &[0x10; 8], &[0; 4]].concat()],
            )
            .refused(1002),
        ])
        .await;
}
