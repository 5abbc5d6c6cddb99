//! Group 7 of the suite, and RFC 6455 sections 5.5.1 and 7: the closing handshake.

use super::*;

fn normal() -> Vec<u8> {
    close(1000, b"")
}

pub(super) fn answered_cases() -> Vec<Case> {
    let hello = "Hello World!";
    let large = "BAsd7&jh23".repeat(26_215)[..256 * 1024].to_owned();
    let (first, last) = (frame(TEXT_BEGUN, b"fragment1"), frame(CONTINUED_LAST, b"fragment2"));
    vec![
        case("7.1.1 a text, then a close", &[text(hello)]).says(hello),
        case("7.1.2 two closes", &[normal(), frame(CLOSE, b"")]).answered(1000),
        case("7.1.3 a ping behind the close", &[normal(), frame(PING, b"")]).answered(1000),
        case("7.1.4 a text behind the close", &[normal(), text(hello)]).answered(1000),
        case("7.1.5 a close between fragments", &[first, normal(), last]).answered(1000),
        case(
            "7.1.6 a large text, a text, a close and a ping",
            &[text(&large), text(hello), normal(), frame(PING, b"")],
        )
        .says(&large)
        .says(hello)
        .answered(1000),
        case("7.3.1 an empty close", &[frame(CLOSE, b"")]).answered(None),
        case("7.3.3 a close with a code", &[normal()]).answered(1000),
        case("7.3.4 a close with a reason", &[close(1000, hello.as_bytes())]).answered(1000),
        case("7.3.5 the longest reason", &[close(1000, &[b'*'; 123])]).answered(1000),
    ]
}

#[tokio::test]
async fn close_is_answered_and_later_frames_are_ignored() {
    let mut table = Table::with(&["--frame-bytes-max", "1000000"]).await;
    table.run(answered_cases()).await;
    table
        .run([
            case("a text and a close at once", &[text("x"), normal()]).says("x").answered(1000),
            case("garbage behind the close", &[normal(), vec![0xff; 1000]]).answered(1000),
            case("a reason that is not ASCII", &[close(1000, "再见".as_bytes())]).answered(1000),
            case("a close, one byte at a time", &[close(1000, b"bye")]).answered(1000).chopped(1),
        ])
        .await;
}

pub(super) fn broken_cases() -> Vec<Case> {
    let broken = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    vec![
        case("7.3.2 a close of one byte", &[frame(CLOSE, b"a")]).refused(1002),
        case("7.3.6 a reason too long", &[close(1000, &[b'*'; 124])]).refused(1002),
        case("7.5.1 a reason that is no UTF-8", &[close(1000, broken)]).refused(1007),
    ]
}

#[tokio::test]
async fn malformed_close_is_refused() {
    let mut table = Table::with(&[]).await;
    table.run(broken_cases()).await;
    let cut = case("a reason that ends inside a character", &[close(1000, b"\xce")]);
    table.run([cut.refused(1007)]).await;
}

pub(super) fn valid_code_cases() -> Vec<Case> {
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    let case = |(code, number)| {
        case(format!("7.7.{number} the code {code}"), &[close(code, b"")]).answered(code)
    };
    codes.into_iter().zip(1..).map(case).collect()
}

#[tokio::test]
async fn valid_close_codes_are_echoed() {
    let mut table = Table::with(&[]).await;
    table.run(valid_code_cases()).await;
    let valid = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4001, 4999,
    ];
    for code in valid {
        let name = |how| format!("the code {code}{how}");
        table
            .run([
                case(name(""), &[close(code, b"")]).answered(code),
                case(name(" with a reason"), &[close(code, b"bye")]).answered(code),
            ])
            .await;
    }
}

pub(super) fn invalid_code_cases() -> Vec<Case> {
    let refused = |section: &str, codes: &[u16]| {
        let case = |(code, number): (&u16, usize)| {
            let name = format!("{section}.{number} the code {code}");
            case(name, &[close(*code, b"")]).refused(1002)
        };
        codes.iter().zip(1..).map(case).collect::<Vec<_>>()
    };
    let undefined = refused("7.9", &[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]);
    undefined.into_iter().chain(refused("7.13", &[5000, 65_535])).collect()
}

#[tokio::test]
async fn reserved_close_codes_are_refused() {
    let mut table = Table::with(&[]).await;
    table.run(invalid_code_cases()).await;
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32_768, 65_535] {
        let name = |how| format!("the code {code}{how}");
        table
            .run([
                case(name(""), &[close(code, b"")]).refused(1002),
                case(name(" with a reason"), &[close(code, b"bye")]).refused(1002),
            ])
            .await;
    }
}
