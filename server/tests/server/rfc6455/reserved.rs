//! Sections 3 and 4 of the suite, and RFC 6455 section 5.2: bits and opcodes that mean nothing yet.

use super::*;

#[tokio::test]
async fn reserved_bits_are_refused() {
    let mut table = Table::with(&[]).await;
    let kinds = [
        ("a text", TEXT),
        ("a binary message", BINARY),
        ("a ping", PING),
        ("a pong", PONG),
        ("a close", CLOSE),
        ("a first fragment", TEXT_BEGUN),
    ];
    for bits in 1..8_u8 {
        let cases = kinds.map(|(what, first)| {
            let name = format!("3.{bits} {what} with the reserved bits {bits:03b}");
            case(name, &[frame(first | bits << 4, b"\x03\xe8")]).refused(1002)
        });
        table.run(cases).await;
        let name = format!("3.{bits} a later fragment with them");
        let frames = [frame(TEXT_BEGUN, b"x"), frame(CONTINUED_LAST | bits << 4, b"y")];
        table.run([case(name, &frames).refused(1002)]).await;
    }
}

#[tokio::test]
async fn what_came_before_a_reserved_bit_is_said_and_nothing_behind_it() {
    let mut table = Table::with(&[]).await;
    let frames = [text("before"), frame(TEXT | 0x20, b"with it"), frame(PING, b""), text("behind")];
    table
        .run([
            case("3.2 a text, a reserved bit, a ping", &frames).says("before").refused(1002),
            case("3.3 the same, whole frames at a time", &frames)
                .says("before")
                .refused(1002)
                .chopped(12),
            case("3.4 the same, one byte at a time", &frames)
                .says("before")
                .refused(1002)
                .chopped(1),
        ])
        .await;
}

#[tokio::test]
async fn reserved_opcodes_are_refused() {
    let mut table = Table::with(&[]).await;
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        let name = |what| format!("4 opcode {opcode:#x}{what}");
        let reserved = |payload: &[u8]| frame(0x80 | opcode, payload);
        table
            .run([
                case(name(""), &[reserved(b"")]).refused(1002),
                case(name(" with a payload"), &[reserved(b"payload")]).refused(1002),
                case(name(" in a fragment"), &[frame(opcode, b"payload")]).refused(1002),
                case(name(" between texts"), &[text("before"), reserved(b""), text("behind")])
                    .says("before")
                    .refused(1002),
                case(
                    name(" between fragments"),
                    &[frame(TEXT_BEGUN, b"x"), reserved(b""), frame(CONTINUED_LAST, b"y")],
                )
                .refused(1002),
            ])
            .await;
    }
}
