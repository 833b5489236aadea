# frozen_string_literal: true

# Runs verify.rb over the table of requests that every language must judge alike.

require 'json'
require_relative 'verify'

VECTORS = File.expand_path('../../crates/upcall/tests/vectors', __dir__)

def outcome(verifier, **request)
  verifier.verify(**request)
  nil
rescue VerifyError => e
  e.code
end

table = JSON.parse(File.read("#{VECTORS}/verify.json"))
key_urls = PublicKeyUrls.new(table['keyUrls'].join(' '))
verifier = CallbackVerifier.new(key_urls) { |url| table['keys'][url] }
results = table['cases'].map do |test|
  body = test['body'] || test['bodyBase64'].unpack1('m0')
  got = outcome(verifier, method: test['method'], target: test['target'],
                          headers: test['headers'], raw_body: body)
  [test['name'], test['error'], got]
end

# The documented vectors once more, from their own table and with the key that is printed there.
documented = JSON.parse(File.read("#{VECTORS}/callback-signature.json"))
oss = documented['oss_public_key']
verifier = CallbackVerifier.new(PublicKeyUrls.new) { oss['pem'] }
results += documented['cases'].map do |test|
  headers = [['authorization', test['authorization']],
             ['x-oss-pub-key-url', [oss['urls'][0]].pack('m0')]]
  got = outcome(verifier, method: 'POST', target: test['request_target'],
                          headers: headers, raw_body: test['body'])
  [test['name'], test['verifies'] ? nil : 'signature', got]
end

failed = results.reject { |_, wanted, got| wanted == got }
failed.each do |name, wanted, got|
  puts "#{name}: wanted #{wanted || 'genuine'}, got #{got || 'genuine'}"
end
puts "#{results.size - failed.size} passed, #{failed.size} failed"
exit failed.empty? && results.any?
