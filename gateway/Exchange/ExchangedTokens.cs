using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using JitGrains.Identity;
using JitGrains.Json;
using JitGrains.Policy;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Secrets;

namespace JitGrains.Gateway.Exchange;

/// <summary>
/// Tokens that gateways give for one action: closed texts (AES-256-GCM, by a key that every gateway derives from what it has),
/// which nobody else can read or make. One that was had for a token that is bound to a key or a certificate is bound to the same. Only calls through a gateway take them; the control plane and the gateway's own
/// endpoints know them as no token. Every other token is the validator's. Thread-safe.
/// </summary>
internal sealed class ExchangedTokens(ITokenValidator others, GatewayKeys keys) : ITokenValidator
{
    /// <summary>What they begin with. No JWT does.</summary>
    public const string Prefix = "jitx_";

    /// <summary>Longest one, in characters: it goes in a header.</summary>
    public const int MaxLength = 12 * 1024;

    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private static readonly TokenResult.Invalid Malformed = new(TokenCodes.Malformed, "The token is none that a gateway of this cluster gave.");
    private static readonly TokenResult.Invalid Over = new(TokenCodes.Expired, "The token has expired.");

    private readonly Possession possession = new();
    private readonly SecretKey key = new(HKDF.DeriveKey(HashAlgorithmName.SHA256, keys.PayloadBinding.Span.ToArray(), 32, info: "jitgrains/1/exchanged-tokens"u8.ToArray()));

    /// <summary>A token for this caller, which says what it is for and until when; null where it would be too long.</summary>
    /// <param name="caller">Whose, for what, and until when.</param>
    /// <param name="bound">What whoever presents it must prove to hold; null for nothing.</param>
    public string? Make(Caller caller, Confirmation? bound)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(
            new Content(caller.Principal, caller.Actors, caller.Excluded, caller.Groups, caller.Claims, caller.Scope, caller.TokenIssuedAt, caller.TokenExpiresAt, caller.Only!, bound, caller.Device?.Claims), JitJson.Options);
        var closed = new byte[NonceBytes + content.Length + TagBytes];
        var nonce = closed.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key.Span, TagBytes);
        aes.Encrypt(nonce, content, closed.AsSpan(NonceBytes, content.Length), closed.AsSpan(NonceBytes + content.Length));
        var token = Prefix + Base64Url.EncodeToString(closed);
        return token.Length <= MaxLength ? token : null;
    }

    /// <summary>The key that a request for a token proves to hold, for one that is bound to none (<see cref="Possession.ProblemOfKey"/>).</summary>
    public TokenResult? ProblemOfKey(in Credentials presented, string token, DateTimeOffset now, out string? thumbprint) => possession.ProblemOfKey(presented, token, now, out thumbprint);

    /// <inheritdoc/>
    public ValueTask<TokenResult> ValidateAsync(in Credentials presented, DateTimeOffset now, CancellationToken cancellation)
    {
        if (presented.Authorization is not [{ } header])
            return others.ValidateAsync(presented, now, cancellation);
        var isDpop = header.StartsWith("DPoP ", StringComparison.OrdinalIgnoreCase);
        var token = isDpop || header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header.AsSpan(header.IndexOf(' ', StringComparison.Ordinal)).Trim(' ') : default;
        if (!token.StartsWith(Prefix, StringComparison.Ordinal))
            return others.ValidateAsync(presented, now, cancellation);
        // A certificate that must not be used spoils every other way to call over its connection, and so this one.
        if (presented.Certificate is { } certificate && others.ProblemOf(certificate, now) is { } spoilt)
            return ValueTask.FromResult(spoilt);
        var opened = Open(token[Prefix.Length..], presented.Api, now, out var bound);
        return ValueTask.FromResult((opened is TokenResult.Valid ? possession.Problem(bound, presented, isDpop, token, now) : null) ?? opened);
    }

    /// <inheritdoc/>
    public TokenResult? ProblemOf(PresentedCertificate certificate, DateTimeOffset now) => others.ProblemOf(certificate, now);

    private TokenResult Open(ReadOnlySpan<char> token, ApiDefinition? api, DateTimeOffset now, out Confirmation? bound)
    {
        bound = null;
        if (token.Length > MaxLength || !Base64Url.IsValid(token) || token.ContainsAny(" \t\r\n") || Base64Url.DecodeFromChars(token) is not { Length: > NonceBytes + TagBytes } closed)
            return Malformed;
        var opened = new byte[closed.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(key.Span, TagBytes);
        try
        {
            aes.Decrypt(closed.AsSpan(0, NonceBytes), closed.AsSpan(NonceBytes, opened.Length), closed.AsSpan(NonceBytes + opened.Length), opened);
        }
        catch (AuthenticationTagMismatchException)
        {
            return Malformed;
        }

        var content = JsonSerializer.Deserialize<Content>(opened, JitJson.Options)!;
        if (now >= content.ExpiresAt)
            return Over;
        bound = content.Bound;
        var caller = new Caller
        {
            Principal = content.Principal,
            Actors = content.Actors,
            Excluded = content.Excluded,
            Groups = content.Groups,
            Claims = content.Claims,
            Scope = content.Scope,
            TokenIssuedAt = content.IssuedAt,
            TokenExpiresAt = content.ExpiresAt,
            Only = content.Only,
            // What its caller's token said of the device holds of it too.
            Device = new CallerDevice { Certificate = bound?.Certificate, ProofKey = bound?.Key, Claims = content.DeviceClaims ?? CallerDevice.None.Claims },
        };
        return api?.IsAudienceOf(caller) == false ? TokenValidator.ForAnotherApi : new TokenResult.Valid(caller);
    }

    private sealed record Content(
        PrincipalId Principal, ImmutableArray<PrincipalId> Actors, ImmutableArray<PrincipalId> Excluded, ImmutableHashSet<string> Groups,
        ImmutableDictionary<string, JsonElement> Claims, KeyScope? Scope, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt, OnlyRight Only, Confirmation? Bound,
        ImmutableDictionary<string, JsonElement>? DeviceClaims = null);
}
