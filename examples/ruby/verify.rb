# frozen_string_literal: true

# Is this callback the storage server's?
#
# In: a request as it came, raw target and raw body. Out: nothing, or a VerifyError that says what
# is wrong. What was signed is target and body and nothing else: no host, no time, no other header.
#
# Source: OSS, "Callback" (step 4). The table in crates/upcall/tests/vectors/verify.json says what
# must pass and what must not; test_vectors.rb runs it.

require 'digest'
require 'openssl'

class VerifyError < StandardError
  # One of the codes of verify.json.
  attr_reader :code

  def initialize(code, header = nil)
    @code = code
    super(header ? "#{code}: #{header}" : code)
  end
end

# Where public keys may come from. Whoever controls the address decides which signatures are good.
class PublicKeyUrls
  # Not by http: who is on the way could put a key there.
  OSS = 'https://gosspublic.alicdn.com/'
  # OSS's key has 512 bits. From any other address that is too small to prove anything.
  OSS_KEYS = %w[http https].map { |it| "#{it}://gosspublic.alicdn.com/callback_pub_key_v1.pem" }.freeze

  SEGMENT = /[A-Za-z0-9_~-][A-Za-z0-9._~-]*/
  FOLDER = %r{https?://[A-Za-z0-9.:\[\]-]+(?:/#{SEGMENT})*/}
  URL = /\A#{FOLDER}#{SEGMENT}\z/
  ENTRY = /\A#{FOLDER}(?:#{SEGMENT}|[A-Za-z0-9._~-]*\*[A-Za-z0-9._~-]*)?\z/
  MAX_BYTES = 1024

  # `list` has addresses, with spaces or commas between, and no others count: a whole one; or with a
  # final `/` all below it; or with one `*` in the last segment for letters, digits and `-`; or `oss`
  # for OSS's own, which also counts if the list is empty.
  def initialize(list = '')
    entries = list.split(/[\s,]+/).reject(&:empty?)
    entries = ['oss'] if entries.empty?
    @patterns = entries.map { |entry| pattern(entry == 'oss' ? OSS : entry) }
  end

  # The address is compared as text, before a URL parser sees it: where two parsers could see two
  # hosts (`@`, `\`, `%`, spaces), it is refused. `\A` and `\z`, as Ruby's `^` and `$` match at
  # every line.
  def admit?(url)
    url.bytesize <= MAX_BYTES && URL.match?(url) && @patterns.any? { |pattern| pattern.match?(url) }
  end

  def least_bits(url)
    OSS_KEYS.include?(url) ? 512 : 1024
  end

  private

  def pattern(entry)
    unless ENTRY.match?(entry)
      raise ArgumentError, "CALLBACK_KEY_URLS: `#{entry}` is not of the form " \
                           'http(s)://host/path in plain letters, with one `*` at most, ' \
                           'after the last `/`'
    end
    quoted = Regexp.escape(entry).sub('\*', '[A-Za-z0-9-]+')
    entry.end_with?('/') ? /\A#{quoted}./ : /\A#{quoted}\z/
  end
end

class CallbackVerifier
  # `keys[url]` gives the PEM at an address that was judged, or nil; `keys.renewed(url, pem)` another
  # one that lies there by now, if there is one.
  def initialize(key_urls, keys)
    @key_urls = key_urls
    @keys = keys
  end

  # `headers` are pairs: names in any case, and values. Everything is bytes: a body or header that
  # is no UTF-8 would else raise in the first regular expression.
  def verify(method:, target:, headers:, raw_body:)
    raise VerifyError, 'method' unless method == 'POST'

    raw_path, mark, query = target.b.partition('?')
    path = percent_decoded(raw_path)
    # The path is signed decoded, with `?` and LF as marks behind it: were they allowed in it,
    # `/a%3Fb` would carry the signature of `/a?b`. A fragment is never sent: servers differ in
    # whether they hand it on.
    unless path.start_with?('/') && !path.match?(/[?\n]/n) && !target.match?(/[#\n]/)
      raise VerifyError, 'target'
    end

    key_url = decoded(needed(headers, 'x-oss-pub-key-url'))
    raise VerifyError, 'key-url' unless key_url && @key_urls.admit?(key_url)

    signature = decoded(needed(headers, 'authorization'))
    raise VerifyError.new('header-not-base64', 'authorization') unless signature

    version = header(headers, 'x-oss-signature-version')
    raise VerifyError, 'signature-version' unless [nil, '1.0'].include?(version)

    check_digest(header(headers, 'content-md5'), raw_body)

    # The query is signed as it was sent, with its mark, even if it is empty.
    check_signature(key_url, signature, "#{path}#{mark}#{query}\n".b + raw_body.b)
  end

  private

  def check_digest(content_md5, raw_body)
    # OSS's oldest callbacks have none; the signature covers the body in any case.
    return unless content_md5

    digest = decoded(content_md5)
    raise VerifyError.new('header-not-base64', 'content-md5') unless digest
    raise VerifyError, 'digest' unless digest == Digest::MD5.digest(raw_body)
  end

  def check_signature(url, signature, signed)
    pem = @keys[url]
    wrong = problem(url, pem, signature, signed)
    return unless wrong

    # The storage server may have another key by now.
    renewed = @keys.renewed(url, pem) unless wrong == 'key-unavailable'
    wrong = problem(url, renewed, signature, signed) if renewed
    raise VerifyError, wrong if wrong
  end

  # The code, or nil if the signature is one of this key.
  def problem(url, pem, signature, signed)
    'signature' unless key(url, pem).verify('MD5', signature, signed)
  rescue OpenSSL::PKey::PKeyError # for a signature of another length
    'signature'
  rescue VerifyError => e
    e.code
  end

  def key(url, pem)
    raise VerifyError, 'key-unavailable' unless pem&.start_with?('-----BEGIN PUBLIC KEY-----')

    # With a passphrase: without one, OpenSSL would ask the terminal for that of an encrypted key.
    key = OpenSSL::PKey.read(pem, '')
    raise VerifyError, 'key-unavailable' unless key.is_a?(OpenSSL::PKey::RSA)
    raise VerifyError, 'key-too-small' if key.n.num_bits < @key_urls.least_bits(url)

    key
  rescue OpenSSL::PKey::PKeyError
    raise VerifyError, 'key-unavailable'
  end

  def needed(headers, name)
    header(headers, name) || raise(VerifyError.new('header-missing', name))
  end

  # The one header of this name. Rack's servers join two with a comma; base64 and `1.0` have none. CGI
  # and what descends from it read `_` as `-`: a header spelled so is another one, but beside the right
  # one it makes two.
  def header(headers, name)
    found = headers.select { |has, _| has.tr('_', '-').casecmp?(name) }
    joined = found.any? { |_, value| value.b.include?(',') }
    raise VerifyError.new('header-twice', name) if found.size > 1 || joined

    found.find { |has, _| has.casecmp?(name) }&.last&.b
  end

  # Strict base64: `m0` checks alphabet and padding, the comparison the bits that are left over.
  def decoded(base64)
    bytes = base64.unpack1('m0')
    [bytes].pack('m0') == base64 ? bytes : nil
  rescue ArgumentError
    nil
  end

  # By hand: URI.decode_www_form_component makes a space of `+`, and refuses a `%` that encodes
  # nothing.
  def percent_decoded(bytes)
    bytes.gsub(/%(\h\h)/n) { [Regexp.last_match(1)].pack('H2') }
  end
end
