//! Section 5 of the suite, and RFC 6455 section 5.4: messages in fragments.

use super::*;

/// A chop that makes no difference, since frames are no longer than that.
const WHOLE: usize = 1 << 20;

#[tokio::test]
async fn fragments_are_one_message() {
    let mut table = Table::with(&[]).await;
    let ping = |payload: &[u8]| frame(PING, payload);
    for chop in [WHOLE, 2, 1] {
        let name = |what| format!("{what}, {chop} bytes at a time");
        table
            .run(
                [
                    case(name("5.3 two fragments"), &[fragments(&[b"frag", b"ments"])])
                        .says("fragments"),
                    case(
                        name("5.6 a ping between"),
                        &[
                            frame(TEXT_BEGUN, b"frag"),
                            ping(b"between"),
                            frame(CONTINUED_LAST, b"ments"),
                        ],
                    )
                    .says("fragments")
                    .pongs(b"between"),
                    case(
                        name("5.19 five fragments, two pings"),
                        &[
                            frame(TEXT_BEGUN, b"1"),
                            frame(CONTINUED, b"2"),
                            ping(b"first"),
                            frame(CONTINUED, b"3"),
                            frame(CONTINUED, b"4"),
                            ping(b"second"),
                            frame(CONTINUED_LAST, b"5"),
                        ],
                    )
                    .says("12345")
                    .pongs(b"first")
                    .pongs(b"second"),
                    case(
                        name("a pong between"),
                        &[
                            frame(TEXT_BEGUN, b"frag"),
                            frame(PONG, b"between"),
                            frame(CONTINUED_LAST, b"ments"),
                        ],
                    )
                    .says("fragments"),
                    case(name("5.15 fragments of nothing"), &[fragments(&[b"", b"", b""])]),
                    case(
                        name("empty fragments between"),
                        &[fragments(&[b"", b"x", b"", b"y", b""])],
                    )
                    .says("xy"),
                    case(
                        name("two messages in fragments"),
                        &[fragments(&[b"a", b"b"]), fragments(&[b"c", b"d"])],
                    )
                    .says("ab")
                    .says("cd"),
                    case(
                        name("a fragment for each byte"),
                        &[fragments(&b"byte by byte".chunks(1).collect::<Vec<_>>())],
                    )
                    .says("byte by byte"),
                ]
                .map(|case| case.chopped(chop)),
            )
            .await;
    }
}

#[tokio::test]
async fn a_close_between_fragments_is_a_close() {
    let mut table = Table::with(&[]).await;
    let frames = [frame(TEXT_BEGUN, b"x"), close(1000, b""), frame(CONTINUED_LAST, b"y")];
    table.run([case("7.1.5 a close between fragments", &frames).answered(1000)]).await;
}

#[tokio::test]
async fn what_does_not_go_on_as_it_began_is_refused() {
    let mut table = Table::with(&[]).await;
    let last = || frame(CONTINUED_LAST, b"more");
    let more = || frame(CONTINUED, b"more");
    for chop in [WHOLE, 1] {
        table
            .run(
                [
                    case("5.9 the last fragment of nothing", &[last(), text("x")]).refused(1002),
                    case("5.12 a fragment of nothing", &[more(), text("x")]).refused(1002),
                    case("an empty fragment of nothing", &[frame(CONTINUED_LAST, b"")])
                        .refused(1002),
                    case("5.10 one behind a text", &[text("x"), last()]).says("x").refused(1002),
                    case(
                        "5.15 one behind a message in fragments",
                        &[fragments(&[b"x", b"y"]), more(), text("z")],
                    )
                    .says("xy")
                    .refused(1002),
                    case("5.18 a text within a text", &[frame(TEXT_BEGUN, b"x"), text("y")])
                        .refused(1002),
                    case(
                        "5.18 a first fragment within a text",
                        &[frame(TEXT_BEGUN, b"x"), frame(TEXT_BEGUN, b"y")],
                    )
                    .refused(1002),
                    case(
                        "a binary message within a text",
                        &[frame(TEXT_BEGUN, b"x"), frame(BINARY, b"y")],
                    )
                    .refused(1002),
                    case("a text within a binary message", &[frame(BINARY_BEGUN, b"x"), text("y")])
                        .refused(1002),
                ]
                .map(|case| case.chopped(chop)),
            )
            .await;
    }
}
