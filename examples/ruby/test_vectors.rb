# frozen_string_literal: true

# Runs verify.rb and binding.rb over the tables that every language must judge alike, and keys.rb.

require 'json'
require_relative 'binding'
require_relative 'keys'
require_relative 'verify'

VECTORS = File.expand_path('../../crates/upcall/tests/vectors', __dir__)

def outcome(verifier, **request)
  verifier.verify(**request)
  nil
rescue VerifyError => e
  e.code
end

# Keys that never change.
class Fixed < Hash
  def renewed(_url, _stale) = nil
end

table = JSON.parse(File.read("#{VECTORS}/verify.json"))
results = table['cases'].map do |test|
  key_urls = PublicKeyUrls.new((test['keyUrls'] || table['keyUrls']).join(' '))
  verifier = CallbackVerifier.new(key_urls, Fixed[table['keys']])
  body = test['body'] || test['bodyBase64'].unpack1('m0')
  got = outcome(verifier, method: test['method'], target: test['target'],
                          headers: test['headers'], raw_body: body)
  [test['name'], test['error'], got]
end

# The documented vectors once more, from their own table and with the key that is printed there.
documented = JSON.parse(File.read("#{VECTORS}/callback-signature.json"))
oss = documented['oss_public_key']
https = oss['urls'].find { |url| url.start_with?('https://') }
verifier = CallbackVerifier.new(PublicKeyUrls.new, Fixed[https => oss['pem']])
results += documented['cases'].map do |test|
  headers = [['authorization', test['authorization']],
             ['x-oss-pub-key-url', [https].pack('m0')]]
  got = outcome(verifier, method: 'POST', target: test['request_target'],
                          headers: headers, raw_body: test['body'])
  [test['name'], test['verifies'] ? nil : 'signature', got]
end

bindings = JSON.parse(File.read("#{VECTORS}/binding.json"))
results += bindings['make'].map do |row|
  [row['name'], row['token'], UploadBinding.new([row['secret']]).make(row['permission'])]
end
results += bindings['verify'].map do |row|
  asked = { bucket: row['bucket'], object: row['object'], now: row['now'] }
  got = begin
    UploadBinding.new(row['secrets']).verify(row['token'], **asked)
  rescue BindingError => e
    e.code
  end
  [row['name'], row['result'], got]
end
short = begin
  UploadBinding.from_setting('aaaaaaaaaaaaaaa', 'sk')
rescue ArgumentError
  'refused'
end
results << ['a short secret', 'refused', short]
results << ['the grace', bindings['grace'], UploadBinding::GRACE_SECONDS]

# A server that was set up anew has another key under the old address.
class Changing < PublicKeys
  attr_accessor :now, :served
  attr_reader :asked

  def fetch(_uri)
    @asked = asked.to_i + 1
    served
  end
end

keys = Changing.new
url = 'http://a.example/k.pem'
steps = [[0, 'one', -> { keys[url] }, 'one', 1], [59, 'two', -> { keys.renewed(url, 'one') }, nil, 1],
         [60, 'two', -> { keys.renewed(url, 'one') }, 'two', 2],
         [61, 'two', -> { keys.renewed(url, 'one') }, 'two', 2], [61, nil, -> { keys[url] }, 'two', 2],
         [120, nil, -> { keys.renewed(url, 'two') }, nil, 3], [120, nil, -> { keys[url] }, 'two', 3]]
results += steps.map do |now, served, ask, wanted, asked|
  keys.now = now
  keys.served = served
  ["the key after #{now} s", [wanted, asked], [ask.call, keys.asked]]
end

failed = results.reject { |_, wanted, got| wanted == got }
failed.each do |name, wanted, got|
  puts "#{name}: wanted #{wanted || 'genuine'}, got #{got || 'genuine'}"
end
puts "#{results.size - failed.size} passed, #{failed.size} failed"
exit failed.empty? && results.size >= 175
