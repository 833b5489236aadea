# frozen_string_literal: true

# Proves, in a callback's body, what this application itself permitted.
#
# A signature alone says that the storage server sent the callback: everybody with a key of that
# server (at OSS, every customer) can have it sign a body about anybody's objects. The table in
# crates/upcall/tests/vectors/binding.json says what is made and what verifies; test_vectors.rb runs
# it.

require 'json'
require 'openssl'

class BindingError < StandardError
  def code = message
end

# `Binding` is a class of Ruby itself.
class UploadBinding
  # After the end of the policy: a call can be made again for a day.
  GRACE_SECONDS = 90_000
  MIN_SECRET_BYTES = 16
  MAX_BYTES = 4096
  # Version, permission, and a MAC of 32 bytes.
  FORM = /\A(v1\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{43})\z/
  MEMBERS = %w[bucket prefix key user expires].freeze

  # The setting BINDING_SECRET, a list with commas; or else the access key secret.
  def self.from_setting(setting, access_key_secret)
    secrets = setting.to_s.split(',').map(&:strip).reject(&:empty?)
    if secrets.any? { |secret| secret.bytesize < MIN_SECRET_BYTES }
      raise ArgumentError, "BINDING_SECRET: a secret has at least #{MIN_SECRET_BYTES} bytes"
    end

    new(secrets.empty? ? [access_key_secret] : secrets)
  end

  # The first secret makes, all verify.
  def initialize(secrets)
    @keys = secrets.map { |secret| OpenSSL::HMAC.digest('SHA256', secret, 'upcall-binding-v1') }
  end

  # The text for callbackBody. `permission` has bucket, prefix or key, perhaps user, and expires.
  def make(permission)
    members = MEMBERS.filter_map { |name| [name, permission[name]] unless permission[name].nil? }
    signed = "v1.#{base64url(JSON.generate(members.to_h))}"
    "#{signed}.#{mac(@keys.first, signed)}"
  end

  # What was permitted, if it was the upload that the callback's body names.
  def verify(token, bucket:, object:, now: Time.now.to_i)
    raise BindingError, 'binding-missing' if token.to_s.empty?

    form = token.bytesize <= MAX_BYTES && token.valid_encoding? && FORM.match(token)
    raise BindingError, 'binding-malformed' unless form
    # As texts: of two ways to write a MAC in base64, one is taken.
    raise BindingError, 'binding-mac' unless
      @keys.map { |key| OpenSSL.fixed_length_secure_compare(mac(key, form[1]), form[3]) }.any?

    permission = read(form[2])
    raise BindingError, 'binding-expired' if now > permission['expires']
    raise BindingError, 'binding-bucket' unless bucket == permission['bucket']
    raise BindingError, 'binding-object' unless permits?(permission, object.to_s)

    permission
  end

  private

  def permits?(permission, object)
    return object == permission['key'] if permission.key?('key')

    !object.empty? && object.start_with?(permission['prefix'])
  end

  def read(encoded)
    text = encoded.tr('-_', '+/').unpack1('m').force_encoding('UTF-8')
    value = text.valid_encoding? && JSON.parse(text)
    raise BindingError, 'binding-malformed' unless value.is_a?(Hash) && whole?(value)

    value.slice(*MEMBERS)
  rescue JSON::ParserError
    raise BindingError, 'binding-malformed'
  end

  def whole?(permission)
    texts = permission.slice('bucket', 'prefix', 'key', 'user')
    texts.key?('bucket') && texts.values.all?(String) &&
      texts.key?('prefix') != texts.key?('key') &&
      permission['expires'].is_a?(Integer) && permission['expires'].between?(0, (2**53) - 1)
  end

  def mac(key, text)
    base64url(OpenSSL::HMAC.digest('SHA256', key, text))
  end

  def base64url(bytes)
    [bytes].pack('m0').tr('+/', '-_').delete('=')
  end
end
