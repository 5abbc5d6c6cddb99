//! Group 5 of the suite, and RFC 6455 section 5.4: messages in fragments.

use super::*;

/// A size of pieces that no frame exceeds.
const WHOLE: usize = 1 << 20;

const HELLO: &str = "Hello, world!";

fn part(first: u8, number: u8) -> Vec<u8> {
    frame(first, format!("fragment{number}").as_bytes())
}

fn ping(payload: &str) -> Vec<u8> {
    frame(PING, payload.as_bytes())
}

pub(super) fn control_cases() -> Vec<Case> {
    let fragmented = |name: &str, first: u8| {
        case(name, &[part(first & 0x0f, 1), part(CONTINUED_LAST, 2)]).refused(1002)
    };
    vec![fragmented("5.1 a ping", PING), fragmented("5.2 a pong", PONG)]
}

#[tokio::test]
async fn fragmented_control_frames_are_refused() {
    let mut table = Table::with(&[]).await;
    table.run(control_cases()).await;
    let frames = [frame(CLOSE & 0x0f, b""), frame(CONTINUED_LAST, b"")];
    table.run([case("a close in fragments", &frames).refused(1002)]).await;
}

pub(super) fn valid_cases() -> Vec<Case> {
    let two = |name: &str| {
        case(name, &[part(TEXT_BEGUN, 1), part(CONTINUED_LAST, 2)]).says("fragment1fragment2")
    };
    let with_ping = |name: &str| {
        let between = ping("ping payload");
        case(name, &[part(TEXT_BEGUN, 1), between, part(CONTINUED_LAST, 2)])
            .pongs(b"ping payload")
            .says("fragment1fragment2")
    };
    let five = |name: &str| {
        let frames = [
            part(TEXT_BEGUN, 1),
            part(CONTINUED, 2),
            ping("pongme 1!"),
            part(CONTINUED, 3),
            part(CONTINUED, 4),
            ping("pongme 2!"),
            part(CONTINUED_LAST, 5),
        ];
        // The server answers the first ping before the end of the message.
        case(name, &frames)
            .pongs(b"pongme 1!")
            .pauses_behind(3)
            .pongs(b"pongme 2!")
            .says("fragment1fragment2fragment3fragment4fragment5")
    };
    vec![
        two("5.3 two fragments"),
        two("5.4 two fragments, frame by frame").frame_by_frame(),
        two("5.5 two fragments, one byte at a time").chopped(1),
        with_ping("5.6 a ping between"),
        with_ping("5.7 a ping between, frame by frame").frame_by_frame(),
        with_ping("5.8 a ping between, one byte at a time").chopped(1),
        five("5.19 five fragments, two pings"),
        five("5.20 the same, frame by frame").frame_by_frame(),
    ]
}

#[tokio::test]
async fn fragments_form_one_message() {
    let mut table = Table::with(&[]).await;
    table.run(valid_cases()).await;
    for chop in [WHOLE, 2, 1] {
        let name = |what| format!("{what}, {chop} bytes at a time");
        let pong = frame(PONG, b"between");
        let pairs = [fragments(&[b"a", b"b"]), fragments(&[b"c", b"d"])].concat();
        let bytes: Vec<_> = b"byte by byte".chunks(1).collect();
        let cases = [
            case(name("a pong between"), &[part(TEXT_BEGUN, 1), pong, part(CONTINUED_LAST, 2)])
                .says("fragment1fragment2"),
            case(name("empty fragments between"), &fragments(&[b"", b"x", b"", b"y", b""]))
                .says("xy"),
            case(name("two messages in fragments"), &pairs).says("ab").says("cd"),
            case(name("a fragment for each byte"), &fragments(&bytes)).says("byte by byte"),
        ];
        table.run(cases.map(|case| case.chopped(chop))).await;
    }
}

pub(super) fn broken_cases() -> Vec<Case> {
    let alone = |name: &str, first| {
        case(name, &[frame(first, b"non-continuation payload"), text(HELLO)]).refused(1002)
    };
    let twice = |name: &str, first| {
        let frames = [part(first, 1), part(TEXT_BEGUN, 2), part(CONTINUED_LAST, 3)];
        case(name, &[frames.clone(), frames].concat()).refused(1002)
    };
    let behind = [part(TEXT_BEGUN, 1), part(CONTINUED_LAST, 2), part(CONTINUED, 3), part(TEXT, 4)];
    vec![
        alone("5.9 the last fragment of nothing", CONTINUED_LAST),
        alone("5.10 the same, frame by frame", CONTINUED_LAST).frame_by_frame(),
        alone("5.11 the same, one byte at a time", CONTINUED_LAST).chopped(1),
        alone("5.12 a fragment of nothing", CONTINUED),
        alone("5.13 the same, frame by frame", CONTINUED).frame_by_frame(),
        alone("5.14 the same, one byte at a time", CONTINUED).chopped(1),
        case("5.15 one behind a message in fragments", &behind)
            .says("fragment1fragment2")
            .refused(1002),
        twice("5.16 a fragment of nothing, then a message in fragments", CONTINUED),
        twice("5.17 the last fragment of nothing, then the same", CONTINUED_LAST),
        case("5.18 a text within a text", &[part(TEXT_BEGUN, 1), part(TEXT, 2)]).refused(1002),
    ]
}

#[tokio::test]
async fn invalid_sequence_of_fragments_is_refused() {
    let mut table = Table::with(&[]).await;
    table.run(broken_cases()).await;
    for chop in [WHOLE, 1] {
        let within = |name: &str, first, second| {
            case(name, &[frame(first, b"x"), frame(second, b"y")]).refused(1002)
        };
        let cases = [
            case("an empty fragment of nothing", &[frame(CONTINUED_LAST, b"")]).refused(1002),
            case("a fragment behind a text", &[text("x"), frame(CONTINUED_LAST, b"more")])
                .says("x")
                .refused(1002),
            within("a first fragment within a text", TEXT_BEGUN, TEXT_BEGUN),
            within("a binary message within a text", TEXT_BEGUN, BINARY),
            within("a text within a binary message", BINARY_BEGUN, TEXT),
        ];
        table.run(cases.map(|case| case.chopped(chop))).await;
    }
}
