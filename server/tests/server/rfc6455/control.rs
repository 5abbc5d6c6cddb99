//! Section 2 of the suite, and RFC 6455 section 5.5: pings and pongs.

use super::*;

#[tokio::test]
async fn pings_are_answered_and_pongs_are_not() {
    let mut table = Table::with(&[]).await;
    let bytes: Vec<u8> = (0x80..=0xff).cycle().take(125).collect();
    let ping = |payload: &[u8]| frame(PING, payload);
    table
        .run([
            case("2.1 an empty ping", &[ping(b"")]).pongs(b""),
            case("2.2 a ping with a text", &[ping(b"Hello, world!")]).pongs(b"Hello, world!"),
            case("2.3 a ping that is no UTF-8", &[ping(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")])
                .pongs(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
            case("2.4 a ping of 125 bytes", &[ping(&bytes)]).pongs(&bytes),
            case("2.5 a ping of 126 bytes", &[ping(&[0xfe; 126])]).refused(1002),
            case("2.6 a ping of 125 bytes, one at a time", &[ping(&bytes)])
                .pongs(&bytes)
                .chopped(1),
            case("2.7 a pong that nobody asked for", &[frame(PONG, b"")]),
            case("2.8 one with a payload", &[frame(PONG, b"unsolicited")]),
            case("2.9 a pong, then a ping", &[frame(PONG, b"pong"), ping(b"ping")]).pongs(b"ping"),
            case("a pong of 125 bytes", &[frame(PONG, &bytes)]),
            case("a pong of 126 bytes", &[frame(PONG, &[0; 126])]).refused(1002),
            case("a ping of 65,536 bytes", &[ping(&vec![0; 65_536])]).refused(1002),
            case(
                "a ping that claims an exabyte",
                &[[&[PING, 0xff][..], &[0x10; 8], &[0; 4]].concat()],
            )
            .refused(1002),
        ])
        .await;
    let payloads: Vec<_> = (0..10).map(|number| format!("ping {number}").into_bytes()).collect();
    let pings: Vec<_> = payloads.iter().map(|payload| frame(PING, payload)).collect();
    for (name, bytes) in [("2.10 ten pings", 1000), ("2.11 ten pings, one byte at a time", 1)] {
        let ten = payloads.iter().fold(case(name, &pings), |case, payload| case.pongs(payload));
        table.run([ten.chopped(bytes)]).await;
    }
}

#[tokio::test]
async fn control_frames_are_never_fragments() {
    let mut table = Table::with(&[]).await;
    let cases = [("ping", PING), ("pong", PONG), ("close", CLOSE)].map(|(what, first)| {
        let begun = first & 0x0f;
        let frames = [frame(begun, b""), frame(CONTINUED_LAST, b"")];
        case(format!("5.1, 5.2 a {what} in fragments"), &frames).refused(1002)
    });
    table.run(cases).await;
}
