//! Section 7 of the suite, and RFC 6455 sections 5.5.1 and 7: the closing handshake.

use super::*;

#[tokio::test]
async fn a_close_is_answered_and_nothing_behind_it_counts() {
    let mut table = Table::with(&["--frame-bytes-max", "1000000"]).await;
    let normal = || close(1000, b"");
    let large = "x".repeat(256 * 1024);
    table
        .run([
            case("7.1.1 a text, then a close", &[text("x"), normal()]).says("x").answered(1000),
            case("7.1.2 two closes", &[normal(), normal()]).answered(1000),
            case("7.1.3 a ping behind the close", &[normal(), frame(PING, b"x")]).answered(1000),
            case("7.1.4 a text behind the close", &[normal(), text("x")]).answered(1000),
            case("7.1.6 a large text, then a close", &[text(&large), normal()])
                .says(&large)
                .answered(1000),
            case("garbage behind the close", &[normal(), vec![0xff; 1000]]).answered(1000),
            case("7.3.1 an empty close", &[frame(CLOSE, b"")]).answered(None),
            case("7.3.3 a close with a code", &[normal()]).answered(1000),
            case("7.3.4 a close with a reason", &[close(1000, b"Hello World!")]).answered(1000),
            case("7.3.5 the longest reason", &[close(1000, &[b'*'; 123])]).answered(1000),
            case("a reason that is not ASCII", &[close(1000, "再见".as_bytes())]).answered(1000),
            case("a close, one byte at a time", &[close(1000, b"bye")]).answered(1000).chopped(1),
        ])
        .await;
}

#[tokio::test]
async fn a_close_that_is_none_is_refused() {
    let mut table = Table::with(&[]).await;
    table
        .run([
            case("7.3.2 a close of one byte", &[frame(CLOSE, b"\x03")]).refused(1002),
            case("7.3.6 a reason too long", &[close(1000, &[b'*'; 124])]).refused(1002),
            case("7.5.1 a reason that is no UTF-8", &[close(1000, b"\xce\xba\xed\xa0\x80x")])
                .refused(1007),
            case("a reason that ends inside a character", &[close(1000, b"\xce")]).refused(1007),
        ])
        .await;
}

#[tokio::test]
async fn codes_that_a_client_may_send_are_answered_with_the_same() {
    let mut table = Table::with(&[]).await;
    let valid = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4001, 4999,
    ];
    for code in valid {
        let name = |how| format!("7.7 the code {code}{how}");
        table
            .run([
                case(name(""), &[close(code, b"")]).answered(code),
                case(name(" with a reason"), &[close(code, b"bye")]).answered(code),
            ])
            .await;
    }
}

#[tokio::test]
async fn codes_that_never_stand_in_a_frame_are_refused() {
    let mut table = Table::with(&[]).await;
    let invalid = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32_768, 65_535];
    for code in invalid {
        let name = |how| format!("7.9, 7.13 the code {code}{how}");
        table
            .run([
                case(name(""), &[close(code, b"")]).refused(1002),
                case(name(" with a reason"), &[close(code, b"bye")]).refused(1002),
            ])
            .await;
    }
}
