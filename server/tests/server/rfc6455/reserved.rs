//! Groups 3 and 4 of the suite, and RFC 6455 section 5.2: reserved bits and opcodes.

use super::*;

const HELLO: &str = "Hello, world!";

pub(super) fn bit_cases() -> Vec<Case> {
    let with = |first: u8, bits: u8, payload: &[u8]| frame(first | bits << 4, payload);
    let binary = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    let behind = |name: &str, bits| {
        let frames = [text(HELLO), with(TEXT, bits, HELLO.as_bytes()), frame(PING, b"")];
        case(name, &frames).says(HELLO).refused(1002)
    };
    vec![
        case("3.1 a text", &[with(TEXT, 1, HELLO.as_bytes())]).refused(1002),
        behind("3.2 between a text and a ping", 2),
        behind("3.3 the same, frame by frame", 3).frame_by_frame(),
        behind("3.4 the same, one byte at a time", 4).chopped(1),
        case("3.5 a binary message", &[with(BINARY, 5, binary)]).refused(1002),
        // The suite calls this a ping, but sends opcode 2.
        case("3.6 a binary message", &[with(BINARY, 6, HELLO.as_bytes())]).refused(1002),
        case("3.7 a close", &[with(CLOSE, 7, b"")]).refused(1002),
    ]
}

pub(super) fn opcode_cases() -> Vec<Case> {
    let reserved = |opcode: u8, payload: &[u8]| frame(0x80 | opcode, payload);
    let group = |section: &str, opcode: u8| {
        let between = |number, reserved| {
            let name = format!("{section}.{number} between a text and a ping");
            case(name, &[text(HELLO), reserved, frame(PING, b"")]).says(HELLO).refused(1002)
        };
        [
            case(format!("{section}.1 alone"), &[reserved(opcode, b"")]).refused(1002),
            case(
                format!("{section}.2 with a payload"),
                &[reserved(opcode + 1, b"reserved opcode payload")],
            )
            .refused(1002),
            between(3, reserved(opcode + 2, b"")),
            between(4, reserved(opcode + 3, HELLO.as_bytes())),
            between(5, reserved(opcode + 4, HELLO.as_bytes())).chopped(1),
        ]
    };
    [group("4.1", 0x3), group("4.2", 0xb)].into_iter().flatten().collect()
}

#[tokio::test]
async fn reserved_bits_are_refused() {
    let mut table = Table::with(&[]).await;
    table.run(bit_cases()).await;
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
            let name = format!("{what} with the reserved bits {bits:03b}");
            case(name, &[frame(first | bits << 4, b"\x03\xe8")]).refused(1002)
        });
        table.run(cases).await;
        let name = format!("a later fragment with the reserved bits {bits:03b}");
        let frames = [frame(TEXT_BEGUN, b"x"), frame(CONTINUED_LAST | bits << 4, b"y")];
        table.run([case(name, &frames).refused(1002)]).await;
    }
}

#[tokio::test]
async fn reserved_opcodes_are_refused() {
    let mut table = Table::with(&[]).await;
    table.run(opcode_cases()).await;
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        let name = |what| format!("opcode {opcode:#x}{what}");
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
