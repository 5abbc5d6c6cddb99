//! Conversations that a seeded generator makes, through the properties that decode them: frames of
//! every kind, most of them right, some with a fault, in pieces of every size.

use fastrand::Rng;

const CONVERSATIONS: u64 = 20_000;

/// The longest message that the properties' decoders take, in bytes, and lengths around it.
const LENGTHS: [usize; 9] = [0, 1, 5, 125, 126, 127, 299, 300, 301];

#[test]
fn generated_conversations_are_decoded_alike() {
    for seed in 0..CONVERSATIONS {
        let input = conversation(&mut Rng::with_seed(seed));
        for target in ["frames", "judges"] {
            // It is printed where the property panics.
            eprintln!("seed {seed}, {target}");
            xmeet_fuzz::check(target, &input);
        }
    }
}

fn conversation(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![rng.u8(..)];
    let mut in_fragments = false;
    for _ in 0..rng.usize(1..8) {
        put_frame(rng, &mut bytes, &mut in_fragments);
    }
    if rng.u8(..) < 20 {
        bytes.truncate(rng.usize(1..=bytes.len()));
    }
    bytes
}

fn put_frame(rng: &mut Rng, out: &mut Vec<u8>, in_fragments: &mut bool) {
    let is_wrong = |rng: &mut Rng| rng.u8(..) < 10;
    let is_control = rng.u8(..) < 80;
    let mut is_last = is_control || rng.bool();
    let mut opcode = match (is_control, *in_fragments) {
        (true, _) => *rng.choice(&[8, 9, 9, 9, 10, 10]).unwrap(),
        (false, true) => 0,
        (false, false) => *rng.choice(&[1, 1, 1, 2]).unwrap(),
    };
    if is_wrong(rng) {
        opcode = rng.u8(..16);
    }
    if is_wrong(rng) {
        is_last = !is_last;
    }
    let reserved = if is_wrong(rng) { rng.u8(..8) << 4 } else { 0 };
    let payload = payload(rng, opcode);
    out.push(if is_last { 0x80 } else { 0 } | reserved | opcode);
    let is_masked = !is_wrong(rng);
    let is_long_form = is_wrong(rng);
    let mask_bit = if is_masked { 0x80 } else { 0 };
    match payload.len() {
        length @ ..126 if !is_long_form => out.push(mask_bit | length as u8),
        length => {
            if length < 126 && rng.bool() || length >= 126 && is_long_form {
                out.push(mask_bit | 127);
                out.extend((length as u64).to_be_bytes());
            } else {
                out.push(mask_bit | 126);
                out.extend((length as u16).to_be_bytes());
            }
        }
    }
    let mask = if is_masked { [rng.u8(..), rng.u8(..), rng.u8(..), rng.u8(..)] } else { [0; 4] };
    if is_masked {
        out.extend(mask);
    }
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    if opcode < 3 {
        *in_fragments = !is_last;
    }
}

fn payload(rng: &mut Rng, opcode: u8) -> Vec<u8> {
    if opcode == 8 && rng.u8(..) < 200 {
        let code = match rng.u8(..3) {
            0 => rng.u16(990..1020),
            1 => *rng.choice(&[1000, 1001, 2999, 3000, 4999, 5000]).unwrap(),
            _ => rng.u16(..),
        };
        let reason = *rng.choice(&[&b""[..], b"bye", "再见".as_bytes(), b"\xff", b"\xe5"]).unwrap();
        return [&code.to_be_bytes(), reason].concat();
    }
    let length = if rng.bool() { rng.usize(..20) } else { *rng.choice(&LENGTHS).unwrap() };
    let length = if opcode >= 8 && rng.u8(..) < 240 { length.min(125) } else { length };
    // Characters of one to four bytes, cut anywhere, so that fragments end inside them.
    let mut bytes = "aß界😀".repeat(length).into_bytes();
    let start = rng.usize(..10);
    bytes.drain(..start.min(bytes.len()));
    bytes.truncate(length);
    if rng.u8(..) < 15 && !bytes.is_empty() {
        let at = rng.usize(..bytes.len());
        bytes[at] = *rng.choice(&[0xff, 0xc0, 0xed, 0x80]).unwrap();
    }
    bytes
}
