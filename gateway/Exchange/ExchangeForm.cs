using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Gateway.Callers;
using Microsoft.AspNetCore.WebUtilities;

namespace JitGrains.Gateway.Exchange;

/// <summary>What is asked of the token endpoint, read strictly (RFC 8693 section 2.1, RFC 9396 section 2).</summary>
/// <param name="SubjectToken">The caller's own token.</param>
/// <param name="Asked">The one action that a token is wanted for.</param>
/// <param name="RequestId">The approval request that is asked after, or null.</param>
internal sealed record ExchangeForm(string SubjectToken, AskBody Asked, string? RequestId)
{
    public const string GrantType = "urn:ietf:params:oauth:grant-type:token-exchange";
    public const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";

    /// <summary>The type of the one member of <c>authorization_details</c>.</summary>
    public const string DetailType = "jit_action";

    private const string Jwt = "urn:ietf:params:oauth:token-type:jwt";
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    /// <summary>Reads the form.</summary>
    public static (ExchangeForm? Form, OAuthError? Error) Read(string? contentType, ReadOnlyMemory<byte> body)
    {
        if (contentType is null || !contentType.Split(';')[0].Trim().Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase))
            return Bad("Send a form (application/x-www-form-urlencoded).");
        Dictionary<string, Microsoft.Extensions.Primitives.StringValues> form;
        try
        {
            using var reader = new FormReader(Encoding.UTF8.GetString(body.Span)) { ValueCountLimit = 32, KeyLengthLimit = 128, ValueLengthLimit = body.Length };
            form = reader.ReadForm();
        }
        catch (InvalidDataException)
        {
            return Bad("The form cannot be read.");
        }

        if (form.Values.Any(v => v.Count != 1))
            return Bad("A parameter is there twice.");
        string? One(string name) => form.TryGetValue(name, out var value) && value.ToString() is { Length: > 0 } text ? text : null;
        if (One("grant_type") != GrantType)
            return (null, new OAuthError("unsupported_grant_type", $"The grant type is {GrantType}."));
        if (One("subject_token") is not { } token || One("subject_token_type") is not (AccessToken or Jwt))
            return Bad($"Send a subject_token, of type {AccessToken} or {Jwt}.");
        if (One("requested_token_type") is not (null or AccessToken))
            return Bad($"The requested_token_type is {AccessToken}.");
        if (One("actor_token") is not null)
            return Bad("An actor_token is not taken: who acts for whom is what the subject_token says.");
        if ((One("audience") ?? One("resource")) is not null)
            return (null, new OAuthError("invalid_target", "The token is for calls through this gateway; what it is for stands in authorization_details."));
        if (One("scope") is not null)
            return (null, new OAuthError("invalid_scope", "What the token is for stands in authorization_details."));
        return Details(One("authorization_details")) is { } asked
            ? (new ExchangeForm(token, asked, One("auth_req_id")), null)
            : (null, new OAuthError("invalid_authorization_details", $"Send a list of one object of type {DetailType}, with action and, where the action has one, resource; reason, ticket, duration_seconds and uses as in /.jit/requests."));
    }

    private static (ExchangeForm?, OAuthError?) Bad(string description) => (null, new OAuthError("invalid_request", description));

    private static AskBody? Details(string? text)
    {
        if (text is null)
            return null;
        try
        {
            if (JsonNode.Parse(text, documentOptions: Strict) is not JsonArray { Count: 1 } list || list[0] is not JsonObject detail
                || detail["type"] is not JsonValue type || !type.TryGetValue<string>(out var name) || name != DetailType)
            {
                return null;
            }

            detail.Remove("type");
            return AskBody.TryRead("application/json", null, JsonSerializer.SerializeToUtf8Bytes(detail), out var asked, out _) ? asked : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}

/// <summary>Why there is no token (RFC 6749 section 5.2).</summary>
/// <param name="Error">The word.</param>
/// <param name="ErrorDescription">One sentence; never quotes a token.</param>
internal sealed record OAuthError(string Error, string ErrorDescription)
{
    /// <summary>The word that the same refusal has elsewhere: a problem's name, or why a token is not taken; null where there is none.</summary>
    public string? Code { get; init; }

    /// <summary>The approval request, where there is one to come back for.</summary>
    public string? AuthReqId { get; init; }

    /// <summary>When to come back at the earliest, in seconds.</summary>
    public int? Interval { get; init; }

    /// <summary>How long it can still be decided, in seconds.</summary>
    public long? ExpiresIn { get; init; }
}
