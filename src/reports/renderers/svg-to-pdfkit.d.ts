/** The part of svg-to-pdfkit (which ships no types) that the kit uses. */
declare module 'svg-to-pdfkit' {
  interface Options {
    width?: number;
    height?: number;
    fontCallback?: (family: string, bold: boolean, italic: boolean) => string;
    warningCallback?: (message: string) => void;
  }
  export default function SVGtoPDF(document: PDFKit.PDFDocument, svg: string, x: number, y: number, o?: Options): void;
}
