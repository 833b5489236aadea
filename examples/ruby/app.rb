# frozen_string_literal: true

# An application server for direct uploads: signs policies, verifies callbacks, keeps rows.
#
# Takes: GET for a signed policy, GET /uploads for the rows, POST for the callback. The settings
# come from the environment; README.md lists them. A rack application: config.ru is for any server,
# serve.rb for WEBrick.

require 'json'
require 'openssl'
require 'sqlite3'
require 'uri'
require_relative 'binding'
require_relative 'keys'
require_relative 'verify'

class UploadServer
  POLICY_SECONDS = 300
  MAX_FILE_BYTES = 104_857_600
  MAX_CALLBACK_BYTES = 1024 * 1024
  MAX_ROWS = 100
  # In single quotes: `#{…}` is Ruby's, `${…}` is OSS's.
  CALLBACK_BODY = 'bucket=${bucket}&object=${object}&etag=${etag}&size=${size}' \
                  '&mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}' \
                  '&requestId=${reqId}&binding='
  ANY_ORIGIN = { 'access-control-allow-origin' => '*' }.freeze
  NOT_KEPT = ANY_ORIGIN.merge('cache-control' => 'no-store').freeze

  def initialize(settings = ENV)
    @access_key_id = needed(settings, 'OSS_ACCESS_KEY_ID')
    @access_key_secret = needed(settings, 'OSS_ACCESS_KEY_SECRET')
    @host = needed(settings, 'OSS_HOST')
    @bucket = needed(settings, 'OSS_BUCKET')
    @binding = UploadBinding.from_setting(settings['BINDING_SECRET'], @access_key_secret)
    @callback_url = given(settings, 'CALLBACK_URL') ||
                    "http://127.0.0.1:#{self.class.port(settings)}/callback"
    target = @callback_url[%r{\Ahttps?://[^/?#]+([^#]*)}, 1]
    raise ArgumentError, 'CALLBACK_URL is no http(s) address' unless target

    @callback_target = target.start_with?('/') ? target : "/#{target}"
    key_urls = PublicKeyUrls.new(settings['CALLBACK_KEY_URLS'].to_s)
    @verifier = CallbackVerifier.new(key_urls, PublicKeys.new)
    @uploads = Uploads.new(given(settings, 'UPLOADS') || File.join(__dir__, 'uploads.sqlite'))
  end

  # Without PORT, that of CALLBACK_URL, if it is on this machine.
  def self.port(settings = ENV)
    own = settings['CALLBACK_URL'].to_s[%r{\Ahttp://(?:127\.0\.0\.1|localhost):(\d+)(?:[/?]|\z)}, 1]
    port = settings['PORT'].to_s
    Integer(port.empty? ? own || '3000' : port, 10)
  end

  def call(env)
    target = raw_target(env)
    case env['REQUEST_METHOD']
    when 'OPTIONS' then [204, ANY_ORIGIN.merge('access-control-allow-methods' => 'GET, POST',
                                               'access-control-allow-headers' => '*'), []]
    when 'GET' then target.partition('?').first == '/uploads' ? list_uploads : give_policy(env)
    when 'POST' then receive_callback(env, target)
    else answer(405, { 'Status' => 'method not allowed' }, 'allow' => 'GET, POST, OPTIONS')
    end
  rescue StandardError => e
    warn "#{e.class}: #{e.message}"
    answer(500, { 'Status' => 'internal error' })
  end

  private

  # The target as it was sent. PATH_INFO is decoded by some servers, and what was signed is not
  # that. REQUEST_URI is no part of rack's specification, but all servers have it: Puma the target
  # alone, WEBrick the whole address. Behind a proxy, it is what the proxy made of it.
  def raw_target(env)
    env.fetch('REQUEST_URI').sub(%r{\Ahttps?://[^/?]*}, '')
  end

  def give_policy(env)
    # A real application takes the user from its session: here, anybody may say who he is.
    user = query(env).fetch('user', 'guest')
    # `\A` and `\z`, as Ruby's `^` and `$` match at every line.
    if user.match?(/\A[a-z0-9_-]{1,32}\z/)
      return answer(200, signed_policy(user), NOT_KEPT)
    end

    error = { 'code' => 'InvalidUser', 'message' => 'user has 1 to 32 of a-z, 0-9, _ and -' }
    answer(400, { 'error' => error }, NOT_KEPT)
  end

  def query(env)
    URI.decode_www_form(env['QUERY_STRING'].to_s).to_h
  rescue ArgumentError # a `%` that encodes nothing
    { 'user' => '' }
  end

  def signed_policy(user)
    expire = Time.now.to_i + POLICY_SECONDS
    dir = "uploads/#{user}/"
    callback = callback(dir, user, expire)
    conditions = [
      ['eq', '$bucket', @bucket],
      ['starts-with', '$key', dir],
      ['content-length-range', 0, MAX_FILE_BYTES],
      ['not-in', '$x-oss-object-acl', %w[public-read public-read-write]],
      ['eq', '$callback', callback], # or else a page could leave it out
      ['eq', '$success_action_status', '200']
    ]
    expiration = Time.at(expire).utc.strftime('%Y-%m-%dT%H:%M:%S.000Z')
    policy = base64(JSON.generate('expiration' => expiration, 'conditions' => conditions))
    signature = base64(OpenSSL::HMAC.digest('SHA1', @access_key_secret, policy))
    { accessid: @access_key_id, host: @host, policy: policy, signature: signature, expire: expire,
      callback: callback, dir: dir }
  end

  # The form field: JSON in base64.
  def callback(dir, user, expire)
    permitted = @binding.make('bucket' => @bucket, 'prefix' => dir, 'user' => user,
                              'expires' => expire + UploadBinding::GRACE_SECONDS)
    base64(JSON.generate('callbackUrl' => @callback_url,
                         'callbackBody' => CALLBACK_BODY + permitted,
                         'callbackBodyType' => 'application/x-www-form-urlencoded'))
  end

  def receive_callback(env, target)
    return answer(404, { 'Status' => 'not found' }) unless target.b == @callback_target.b

    # Not Rack::Request#params: only these bytes were signed. Rack 3 may give no input.
    body = env['rack.input']&.read(MAX_CALLBACK_BYTES + 1).to_s
    return answer(413, { 'Status' => 'body too large' }) if body.bytesize > MAX_CALLBACK_BYTES

    @verifier.verify(method: 'POST', target: target, headers: headers(env), raw_body: body)
    row = form(body)
    permission = @binding.verify(row['binding'], bucket: row['bucket'], object: row['object'])
    @uploads.keep(row, permission['user'])
    answer(200, { 'Status' => 'OK', 'object' => row['object'] })
  rescue BindingError => e
    warn "callback refused: #{e.message}"
    answer(403, { 'Status' => 'not permitted' })
  rescue VerifyError => e
    warn "callback refused: #{e.message}"
    # After a 503 upcall calls again later; after a 4xx it does not.
    answer(e.message == 'key-unavailable' ? 503 : 400, { 'Status' => 'verify not ok' })
  rescue ArgumentError
    answer(400, { 'Status' => 'body not understood' })
  end

  # No field twice, of which one reader would take the first and the next the last; no bytes that are
  # no UTF-8, which decode_www_form would replace, and make another name of the object.
  def form(body)
    pairs = URI.decode_www_form(body, Encoding::BINARY)
    pairs.flatten.each { |text| text.force_encoding('UTF-8') }
    raise ArgumentError, 'no UTF-8' unless pairs.flatten.all?(&:valid_encoding?)
    raise ArgumentError, 'a field twice' unless pairs.map(&:first).uniq.size == pairs.size

    pairs.to_h
  end

  def headers(env)
    given = env.select { |name, _| name.start_with?('HTTP_') }
    given.map { |name, value| [name.delete_prefix('HTTP_').tr('_', '-'), value] }
  end

  def list_uploads
    answer(200, { 'uploads' => @uploads.newest(MAX_ROWS) }, NOT_KEPT)
  end

  # A Content-Length, as the storage server takes no answer in chunks. Names in lower case for rack
  # 3.
  def answer(status, value, headers = {})
    text = JSON.generate(value)
    described = { 'content-type' => 'application/json', 'content-length' => text.bytesize.to_s }
    [status, headers.merge(described), [text]]
  end

  def base64(bytes)
    [bytes].pack('m0') # the other, `m`, breaks lines
  end

  def given(settings, name)
    value = settings[name].to_s
    value unless value.empty?
  end

  def needed(settings, name)
    given(settings, name) ||
      raise(ArgumentError, "the setting #{name} is missing: README.md says where it comes from")
  end
end

# What the application was told.
class Uploads
  def initialize(file)
    @lock = Mutex.new # the connection is shared by the server's threads
    @database = SQLite3::Database.new(file)
    @database.busy_timeout = 3000
    @database.execute(<<~SQL)
      CREATE TABLE IF NOT EXISTS uploads (id INTEGER PRIMARY KEY, bucket TEXT, object TEXT,
        etag TEXT, size INTEGER, mimeType TEXT, width INTEGER, height INTEGER,
        requestId TEXT UNIQUE, user TEXT)
    SQL
  end

  # A callback may come twice: the same request id makes no second row.
  def keep(row, user)
    text = ->(name) { row[name].to_s.scrub }
    number = ->(name) { Integer(text[name], 10, exception: false) }
    request_id = text['requestId'].empty? ? nil : text['requestId']
    values = [*%w[bucket object etag].map(&text), number['size'], text['mimeType'],
              number['width'], number['height'], request_id, user]
    @lock.synchronize do
      @database.execute(<<~SQL, values)
        INSERT INTO uploads (bucket, object, etag, size, mimeType, width, height, requestId,
                             user)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (requestId) DO NOTHING
      SQL
    end
  end

  def newest(count)
    names = %w[object size mimeType width height requestId user]
    rows = @lock.synchronize do
      @database.execute("SELECT #{names.join(', ')} FROM uploads ORDER BY id DESC LIMIT ?", [count])
    end
    rows.map { |values| names.zip(values).to_h }
  end
end
