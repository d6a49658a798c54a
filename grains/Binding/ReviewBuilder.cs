using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text;
using System.Text.Unicode;
using JitGrains.Approvals;
using JitGrains.Http;
using JitGrains.Policy;

namespace JitGrains.Binding;

/// <summary>
/// Makes of a held call what approvers see: without masked values, with nothing that misleads the eye, and saying so where it
/// is not whole. Stateless and thread-safe.
/// </summary>
public static class ReviewBuilder
{
    /// <summary>Longest body shown, in characters.</summary>
    public const int MaxBody = 32 * 1024;

    /// <summary>Longest header value shown, in characters; a longer one ends in an ellipsis and how many more there are.</summary>
    public const int MaxHeaderValue = 2 * 1024;

    /// <summary>Headers that hold secrets by nature: masked whatever policy says.</summary>
    private static readonly FrozenSet<string> AlwaysMasked = new[]
    {
        "cookie", "set-cookie", "authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-auth-token",
        "x-access-token", "x-csrf-token", "x-xsrf-token", "x-amz-security-token", "x-goog-api-key", "private-token",
        "x-vault-token", "ocp-apim-subscription-key",
    }.ToFrozenSet();

    /// <summary>The call as approvers see it.</summary>
    /// <param name="request">The call.</param>
    /// <param name="body">Its whole body.</param>
    /// <param name="api">Its API.</param>
    /// <param name="action">Its action, with the masks.</param>
    public static ReviewPayload Build(CanonicalRequest request, ReadOnlyMemory<byte> body, ApiDefinition api, ActionDefinition action)
    {
        var masked = new SortedSet<string>(StringComparer.Ordinal);
        var target = TargetOf(request, action, masked);
        var headers = HeadersOf(request, api, action, masked);
        var text = BodyOf(request, body, action, masked);
        var isCut = text?.Length > MaxBody;
        return new ReviewPayload
        {
            Method = request.Method,
            Authority = request.Authority,
            Target = target,
            Headers = headers,
            Body = isCut ? DisplayText.Cut(text!, MaxBody).ToString() : text,
            BodyBytes = body.Length,
            BodyIncomplete = isCut || (text is null && !body.IsEmpty),
            Masked = [.. masked],
        };
    }

    /// <summary>Whether a header's value is hidden from approvers, and by which mask (<c>header.cookie</c>).</summary>
    internal static string? MaskOfHeader(string lowerCaseName, MaskCursor masks)
    {
        masks.Enter(lowerCaseName, out var hiddenBy);
        return hiddenBy?.Text ?? (AlwaysMasked.Contains(lowerCaseName.Replace('_', '-')) ? "header." + lowerCaseName : null);
    }

    private static string TargetOf(CanonicalRequest request, ActionDefinition action, SortedSet<string> masked)
    {
        var masks = MaskCursor.Of(action.Mask, MaskedPart.Query);
        if (masks.IsEmpty || request.RawQuery.Length < 2)
            return request.RawTarget;
        var query = DisplayText.Mask;
        if (masks.Whole is { } whole)
            masked.Add(whole.Text);
        else
            query = MaskedPairs.Write(request.RawQuery.AsSpan(1), masks, masked) ?? DisplayText.Mask;
        return $"{request.RawPath}?{query}";
    }

    private static ImmutableArray<ReviewHeader> HeadersOf(CanonicalRequest request, ApiDefinition api, ActionDefinition action, SortedSet<string> masked)
    {
        var masks = MaskCursor.Of(action.Mask, MaskedPart.Header);
        var headers = ImmutableArray.CreateBuilder<ReviewHeader>();
        foreach (var (name, value) in PayloadBinding.BoundHeaders(request, api, action))
        {
            var hiddenBy = MaskOfHeader(name, masks);
            if (hiddenBy is not null)
                masked.Add(hiddenBy);
            headers.Add(new ReviewHeader(name, hiddenBy is null ? ValueOf(value) : DisplayText.Mask));
        }

        return headers.DrainToImmutable();
    }

    private static string ValueOf(string value)
    {
        var shown = DisplayText.Shorten(value, MaxHeaderValue);
        return DisplayText.Escape(shown.Length < value.Length ? $"{shown} ({value.Length - MaxHeaderValue} more)" : shown);
    }

    /// <summary>Null where there is no body, it is no text, or a mask cannot be applied to it for sure.</summary>
    private static string? BodyOf(CanonicalRequest request, ReadOnlyMemory<byte> body, ActionDefinition action, SortedSet<string> masked)
    {
        if (body.IsEmpty)
            return null;
        var masks = MaskCursor.Of(action.Mask, MaskedPart.Body);
        if (masks.Whole is { } whole)
        {
            masked.Add(whole.Text);
            return DisplayText.Mask;
        }

        if (request.HasHeader("content-encoding") || !IsText(request, body.Span))
            return null;
        if (JsonBody.TryRead(request.SingleHeader("content-type"), null, body) is { } json)
            return MaskedJson.Write(json.Root, masks, masked);

        var text = Encoding.UTF8.GetString(body.Span);
        if (!masks.IsEmpty)
        {
            var form = IsForm(request) ? MaskedPairs.Write(text, masks, masked) : null;
            return form is null ? null : DisplayText.Escape(form, keepLayout: true);
        }

        return DisplayText.Escape(text, keepLayout: true);
    }

    /// <summary>UTF-8 without NUL, and not declared as another encoding, in which the same bytes would say something else.</summary>
    private static bool IsText(CanonicalRequest request, ReadOnlySpan<byte> body) =>
        Utf8.IsValid(body) && !body.Contains((byte)0)
        && (MediaType.CharsetOf(request.SingleHeader("content-type")) is null or "utf-8" or "utf8" or "us-ascii");

    private static bool IsForm(CanonicalRequest request) =>
        MediaType.NameOf(request.SingleHeader("content-type")) == "application/x-www-form-urlencoded";
}
